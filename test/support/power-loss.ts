import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RandomStream } from "../../src/core/random.js";
import { folderOf, type Operation } from "./traced-fs.js";

/** A file behind its names. */
interface Inode {
  content: Buffer;
  /** What is on the disk for certain. */
  durable: Buffer;
  /** Contents since, the newest last. */
  unsynced: Buffer[];
}

/** A change of a folder's names that may not be on the disk yet. */
type Change = (names: Map<string, Inode>) => void;

/** How much of what was not synced a power loss has left. */
export interface Loss {
  /** Of the contents that a file has had since it was synced: which one, and how many of the bytes that it added. */
  content(inode: { readonly durable: Buffer; readonly unsynced: readonly Buffer[] }): Buffer;
  /** Whether a change of names is on the disk. */
  name(): boolean;
}

const torn = (inode: Parameters<Loss["content"]>[0], draws: RandomStream): Buffer => {
  const all = [inode.durable, ...inode.unsynced];
  const at = Math.floor(draws.next() * all.length);
  const [before, after] = [all[Math.max(0, at - 1)]!, all[at]!];
  // The last write may be there in part.
  const cut = before.length + Math.floor(draws.next() * Math.max(0, after.length - before.length + 1));
  return after.subarray(0, Math.min(after.length, cut));
};

/** What may be left: all, nothing that was not synced, names without contents, contents without names, and any mixture. */
export function losses(draws: RandomStream, mixtures: number): Loss[] {
  const newest: Loss["content"] = ({ durable, unsynced }) => unsynced.at(-1) ?? durable;
  const synced: Loss["content"] = ({ durable }) => durable;
  return [
    { content: newest, name: () => true },
    { content: synced, name: () => false },
    { content: synced, name: () => true },
    { content: newest, name: () => false },
    ...Array.from({ length: mixtures }, (): Loss => ({
      content: (inode) => torn(inode, draws),
      name: () => draws.next() < 0.5,
    })),
  ];
}

/** A disk as operations leave it: what is there for certain, and what may be. */
export class Disk {
  readonly #names = new Map<string, Inode>();
  readonly #durable = new Map<string, Inode>();
  /** By folder. */
  readonly #pending = new Map<string, Change[]>();

  apply(operation: Operation): void {
    const { kind, path } = operation;
    switch (kind) {
      case "create": {
        if (this.#names.has(path)) return;
        const inode = { content: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [] };
        return this.#change(path, (names) => void names.set(path, inode));
      }
      case "write": {
        const inode = this.#names.get(path);
        if (inode === undefined) return;
        inode.content = operation.content;
        inode.unsynced.push(operation.content);
        return;
      }
      case "fsync":
        return this.#sync(path);
      case "unlink":
        return this.#change(path, (names) => void names.delete(path));
      case "rename":
      case "link": {
        const inode = this.#names.get(path);
        if (inode === undefined) return;
        return this.#change(path, (names) => {
          // A name never points to a file whose creation was lost: a rename moves what is there.
          names.set(operation.to, inode);
          if (kind === "rename") names.delete(path);
        });
      }
      case "mkdir":
        return;
    }
  }

  #change(path: string, change: Change): void {
    change(this.#names);
    const folder = folderOf(path);
    this.#pending.set(folder, [...(this.#pending.get(folder) ?? []), change]);
  }

  #sync(path: string): void {
    const inode = this.#names.get(path);
    if (inode) {
      inode.durable = inode.content;
      inode.unsynced = [];
    } else {
      for (const change of this.#pending.get(path) ?? []) change(this.#durable);
      this.#pending.delete(path);
    }
  }

  /** The contents that are on the disk for certain, by name. */
  certain(): ReadonlyMap<string, Buffer> {
    return new Map([...this.#durable].map(([path, { durable }]) => [path, durable]));
  }

  /** Writes what a loss of power leaves into a folder. */
  write(folder: string, loss: Loss): void {
    const names = new Map(this.#durable);
    for (const changes of this.#pending.values())
      for (const change of changes) if (loss.name()) change(names);
    mkdirSync(folder, { recursive: true });
    for (const [path, inode] of names) {
      if (path.startsWith(".lock")) continue;
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, loss.content(inode));
    }
  }
}
