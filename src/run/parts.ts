import { RunError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import type { Part, RunAmortize } from "./config.js";

/** What a run's configuration says of a self-reward, a grader or a method: its name, and its module where it is of one's own. */
export function partOf(value: { readonly name: string }): Part {
  const module = moduleOf(value);
  return module === undefined ? { name: value.name } : { name: value.name, module };
}

/** The modules of those methods that are of one's own, as a configuration has them; nothing where all are built in. */
export function modulesOf(methods: readonly { readonly name: string }[]): Pick<RunAmortize, "modules"> {
  const own = methods.flatMap((method) => {
    const module = moduleOf(method);
    return module === undefined ? [] : [[method.name, module] as const];
  });
  return own.length === 0 ? {} : { modules: Object.fromEntries(own) };
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
