import { closest, distance } from "fastest-levenshtein";
import { UsageError } from "./errors.js";

/** What else than a name of ours may be given where a part of one's own is taken. */
export const OWN_MODULE = "give the path of your own module, such as ./mine.js";

/**
 * The refusal of a name that a registry does not have, the same everywhere: what there is, and the nearest where one is near.
 * @param what such as `reward`.
 * @param known the names that there are, in the registry's order.
 * @param more what else may be given, as a command.
 */
export function unknownName(what: string, name: string, known: readonly string[], more?: string): UsageError {
  const near = nearestName(name, known);
  const meant = near === undefined ? "" : ` (did you mean ${near}?)`;
  const other = more === undefined ? "" : `, or ${more}`;
  return new UsageError(`There is no ${what} "${name}"${meant}: choose one of ${known.join(", ")}${other}.`, {
    where: name,
  });
}

/** The name that is meant by one with a slip in it; undefined where more than a third of its letters are others. */
function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const folded = known.map((each) => each.toLowerCase());
  const found = closest(name.toLowerCase(), folded);
  const slips = distance(name.toLowerCase(), found);
  return slips <= Math.max(1, Math.floor(found.length / 3)) ? known[folded.indexOf(found)] : undefined;
}

/** `max-gap` as `maxGap`. */
export function camelCase(words: string): string {
  return words.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
