import fs from "node:fs";
import promises, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname, relative, resolve, sep } from "node:path";

/** What was done to a folder's files, by paths relative to it; a write has the file's whole content after it. */
export type Operation =
  | { readonly kind: "create" | "fsync" | "unlink" | "mkdir"; readonly path: string }
  | { readonly kind: "write"; readonly path: string; readonly content: Buffer }
  | { readonly kind: "rename" | "link"; readonly path: string; readonly to: string };

/** What is about to be done. */
export interface Intent {
  /** 1 for the first that changes something: opening to write, writing, syncing, renaming, linking, truncating. */
  readonly number: number;
  readonly kind: Operation["kind"];
  readonly path: string;
}

type Anything = (...args: never[]) => unknown;

/**
 * Watches everything that this process does to the files of a folder, and may fail it: `before` is told of each operation and may throw.
 * @returns what was done so far, and an end to it.
 */
export function traceFs(
  folder: string,
  before: (intent: Intent) => void = () => undefined,
): { readonly operations: readonly Operation[]; stop(): void } {
  const operations: Operation[] = [];
  const root = resolve(folder);
  const open = new Map<number, string>();
  let number = 0;
  const inside = (path: unknown): path is string =>
    typeof path === "string" && (resolve(path) === root || resolve(path).startsWith(root + sep));
  const name = (path: string): string => relative(root, resolve(path)) || ".";
  const intend = (kind: Operation["kind"], path: string): void =>
    before({ number: ++number, kind, path: name(path) });
  const written = (path: string): void => {
    // A file that lost its name while it was open has no content that anybody will find.
    if (real.existsSync(path))
      operations.push({ kind: "write", path: name(path), content: real.readFileSync(path) });
  };
  const real = { ...fs };
  const realPromises = { ...promises };
  const isNew = (path: string, flags: unknown): boolean => {
    const writes =
      typeof flags === "string" ? /[wa+]/.test(flags) : typeof flags === "number" && (flags & 3) !== 0;
    if (!inside(path) || !writes) return false;
    intend("create", path);
    return true;
  };
  const opened = (path: string): void => void operations.push({ kind: "create", path: name(path) });
  const patches: Record<string, Anything> = {
    openSync: (path: string, flags: string, mode: number) => {
      const created = isNew(path, flags);
      const fd = real.openSync(path, flags, mode);
      if (inside(path)) open.set(fd, path);
      if (created) opened(path);
      return fd;
    },
    closeSync: (fd: number) => {
      open.delete(fd);
      real.closeSync(fd);
    },
    writeSync: (fd: number, ...rest: [Uint8Array, number]) => {
      const path = open.get(fd);
      if (path !== undefined) intend("write", path);
      const count = real.writeSync(fd, ...rest);
      if (path !== undefined) written(path);
      return count;
    },
    fsyncSync: (fd: number) => {
      const path = open.get(fd);
      if (path !== undefined) intend("fsync", path);
      real.fsyncSync(fd);
      if (path !== undefined) operations.push({ kind: "fsync", path: name(path) });
    },
    ftruncateSync: (fd: number, size: number) => {
      real.ftruncateSync(fd, size);
      const path = open.get(fd);
      if (path !== undefined) written(path);
    },
    truncateSync: (path: string, size: number) => {
      if (inside(path)) intend("write", path);
      real.truncateSync(path, size);
      if (inside(path)) written(path);
    },
  };
  /** Operations on names, the same with and without promises. */
  const named = (kind: "rename" | "link" | "unlink" | "mkdir", path: unknown, to?: unknown): (() => void) => {
    if (!inside(path)) return () => undefined;
    intend(kind, path);
    return () => {
      if (kind === "rename" || kind === "link")
        operations.push({ kind, path: name(path), to: name(to as string) });
      else operations.push({ kind, path: name(path) });
    };
  };
  for (const kind of ["rename", "link", "unlink", "mkdir"] as const) {
    patches[`${kind}Sync`] = (path: string, to: string) => {
      const done = named(kind, path, to);
      const result = (real[`${kind}Sync`] as Anything)(path as never, to as never);
      done();
      return result;
    };
  }
  Object.assign(fs, patches);
  const watched = (handle: FileHandle, path: string): FileHandle => {
    for (const method of ["writeFile", "write", "writev", "appendFile", "truncate"] as const) {
      const own = handle[method].bind(handle) as Anything;
      Object.assign(handle, {
        [method]: async (...args: never[]) => {
          intend("write", path);
          const result = await own(...args);
          written(path);
          return result;
        },
      });
    }
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      intend("fsync", path);
      await sync();
      operations.push({ kind: "fsync", path: name(path) });
    };
    return handle;
  };
  Object.assign(promises, {
    open: async (path: string, flags: string, mode: number) => {
      const created = isNew(path, flags);
      const handle = await realPromises.open(path, flags, mode);
      if (created) opened(path);
      return inside(path) ? watched(handle, path) : handle;
    },
    ...Object.fromEntries(
      (["rename", "unlink", "mkdir"] as const).map((kind) => [
        kind,
        async (path: string, to: string) => {
          const done = named(kind, path, to);
          const result: unknown = await (realPromises[kind] as Anything)(path as never, to as never);
          done();
          return result;
        },
      ]),
    ),
  });
  syncBuiltinESMExports();
  return {
    operations,
    stop: () => {
      for (const name of Object.keys(patches)) Object.assign(fs, { [name]: real[name as keyof typeof real] });
      const { open: opens, rename, unlink, mkdir } = realPromises;
      Object.assign(promises, { open: opens, rename, unlink, mkdir });
      syncBuiltinESMExports();
    },
  };
}

/** The folder that holds a name, relative like it. */
export const folderOf = (path: string): string => dirname(path);
