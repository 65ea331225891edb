import { RunError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import type { Part } from "./config.js";

/** What a run's configuration says of a self-reward, a grader or a method: its name, and its module where it is of one's own. */
export function partOf(value: { readonly name: string }): Part {
  const module = moduleOf(value);
  return module === undefined ? { name: value.name } : { name: value.name, module };
}

/**
 * A part of a run again, by its registry's look-up: built in, or from its module, which must be what it was.
 * @param dir the run's folder, for messages.
 * @throws RunError if its module has changed since; as `find`.
 */
export async function findPart<T extends { readonly name: string }>(
  { name, module }: Part,
  find: (word: string) => Promise<T>,
  dir: string,
): Promise<T> {
  const found = await find(module?.path ?? name);
  if (module === undefined || moduleOf(found)?.digest === module.digest) return found;
  throw new RunError(
    `${module.path} has changed since ${dir} was made with it: restore it, or start another run with the changed one.`,
  );
}
