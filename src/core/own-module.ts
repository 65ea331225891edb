import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { z } from "zod";
import { OwnCodeError, UsageError, WhetstoneError } from "./errors.js";
import { isFile, sha256File } from "./files.js";
import { withModule } from "./module-origin.js";

// Apart from what loads a file, since browsers ask it too.
export { moduleOf, withModule, type ModuleFile } from "./module-origin.js";

/**
 * Whether a word names a module of one's own: a path that begins with `./`, `../`, `/` or a drive. A bare name never does, so
 * that a typo is not taken for code to run.
 */
export function isModulePath(word: string): boolean {
  return /^(?:\.{0,2}[\\/]|[A-Za-z]:[\\/])/.test(word);
}

/**
 * Runs an ES module of the user's own and takes its default export. It is code, and may do all that the user may do. Whatever
 * one of its functions throws becomes an OwnCodeError that names the file.
 * @param word a path, as `isModulePath` has them. @param what such as `reward`, for messages.
 * @param shape what the default export must have; the export itself is taken, not a copy.
 * @throws UsageError where there is no such file, or it is no JavaScript; OwnCodeError where it cannot be run, or exports
 *   something else.
 */
export async function loadModule<T extends object>(word: string, what: string, shape: z.ZodType): Promise<T> {
  const path = resolve(word);
  if (!/\.m?js$/i.test(word)) {
    throw new UsageError(
      `${word} is not the path of a JavaScript module: a ${what} of your own is a file that ends in .js or .mjs${
        /\.[mc]?tsx?$/i.test(word) ? "; compile it first" : ""
      }.`,
    );
  }
  if (!isFile(path)) throw new UsageError(`There is no file ${word} to take the ${what} from.`);
  const digest = await sha256File(path);
  let loaded: { readonly default?: unknown };
  try {
    // Another digest is another module, also within one process.
    loaded = (await import(`${pathToFileURL(path).href}?sha256=${digest}`)) as typeof loaded;
  } catch (cause) {
    throw new OwnCodeError(`${word} cannot be run: ${messageOf(cause)}.`, { cause });
  }
  const value = loaded.default;
  if (value === undefined) {
    throw new OwnCodeError(`${word} has no default export: write \`export default\` before the ${what}.`);
  }
  const parsed = shape.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join(".") ?? "";
    const wrong =
      field === "" ? (issue?.message ?? "") : `its "${field}": ${issue?.message ?? "not allowed"}`;
    throw new OwnCodeError(`${word} does not export a ${what} by default (${wrong}).`);
  }
  return withModule(guarded(value as T, word), { path, digest });
}

/**
 * The object with functions that name the file when they throw; errors of ours pass as they are.
 * @param word the file, as the user wrote it.
 */
export function guarded<T extends object>(value: T, word: string): T {
  const failure = (name: PropertyKey, cause: unknown): Error =>
    cause instanceof WhetstoneError
      ? cause
      : new OwnCodeError(`${word} threw in ${String(name)}: ${messageOf(cause)}.`, { cause });
  // Over an empty object: a proxy may not give other functions than a frozen one has.
  return new Proxy(Object.create(value) as T, {
    ownKeys: () => Reflect.ownKeys(value),
    getOwnPropertyDescriptor: (_, name) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, name);
      return descriptor && { ...descriptor, configurable: true };
    },
    get(_, name) {
      const member: unknown = Reflect.get(value, name, value);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        try {
          const result: unknown = Reflect.apply(member, value, args);
          return result instanceof Promise
            ? result.catch((cause: unknown) => {
                throw failure(name, cause);
              })
            : result;
        } catch (cause) {
          throw failure(name, cause);
        }
      };
    },
  });
}

function messageOf(cause: unknown): string {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return text.replace(/[.\s]+$/, "");
}
