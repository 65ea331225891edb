import { UsageError } from "../core/errors.js";
import { OWN_MODULE, unknownName } from "../core/names.js";
import { isModulePath } from "../core/own-module.js";

/**
 * Turns the text of an option into its value; `flag` names it in the error; `previous` is the
 * value so far, if the option is repeated.
 * @throws UsageError
 */
export interface Parse<T> {
  (text: string, flag: string, previous: unknown): T;
  /** What a configuration may hold in the text's place, as JSON Schema. Absent: text. */
  readonly takes?: object;
}

/** What a configuration holds for an option that can be repeated. */
export const SEVERAL = { type: ["string", "array"], items: { type: "string" } } as const;

/** A parser that also says what a configuration may hold for it. */
export function taking<T>(takes: object, parse: Parse<T>): Parse<T> {
  return Object.assign(parse, { takes });
}

/** Any text that is not empty. */
export const text: Parse<string> = (value, flag) => {
  if (value.trim() === "") throw new UsageError(`${flag} needs a value; it is empty.`);
  return value;
};

/** A whole number of at least `least`. */
export function wholeNumber(least: number, largest = Number.MAX_SAFE_INTEGER): Parse<number> {
  return taking({ type: "integer", minimum: least, maximum: largest }, (value, flag) => {
    const number = toNumber(value);
    if (Number.isSafeInteger(number) && number >= least && number <= largest) return number;
    const range =
      largest === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${largest}`;
    throw new UsageError(`${flag} must be a whole number ${range}, not ${JSON.stringify(value)}.`);
  });
}

/** A finite number above 0, and below `below` if that is given. */
export function positive(below = Infinity): Parse<number> {
  return taking(
    { type: "number", exclusiveMinimum: 0, ...(below < Infinity && { exclusiveMaximum: below }) },
    (value, flag) => {
      const number = toNumber(value);
      if (Number.isFinite(number) && number > 0 && number < below) return number;
      const range = below === Infinity ? "above 0" : `above 0 and below ${below}`;
      throw new UsageError(`${flag} must be a number ${range}, not ${JSON.stringify(value)}.`);
    },
  );
}

/** A finite number of at least 0. */
export const atLeastZero: Parse<number> = taking({ type: "number", minimum: 0 }, (value, flag) => {
  const number = toNumber(value);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new UsageError(`${flag} must be a number of at least 0, not ${JSON.stringify(value)}.`);
});

/** One of a few words. */
export function oneOf<T extends string>(words: readonly T[]): Parse<T> {
  return taking({ enum: words }, (value, flag) => {
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    throw new UsageError(`${flag} must be one of ${words.join(", ")}, not ${JSON.stringify(value)}.`);
  });
}

/** The names of a registry's parts, or paths of one's own modules; separated by commas, or the option repeated. */
export function someParts(words: readonly string[], what: string): Parse<readonly string[]> {
  return taking(SEVERAL, (value, flag, previous) => {
    const given = value.split(",").map((word) => word.trim());
    const unknown = given.find((word) => word !== "" && !words.includes(word) && !isModulePath(word));
    if (unknown !== undefined) {
      throw unknownName(what, unknown, words, OWN_MODULE);
    }
    return someOf([...words, ...given], what)(value, flag, previous);
  });
}

/** One of them. */
export function onePart(words: readonly string[], what: string): Parse<string> {
  return (value, flag) => someParts(words, what)(value, flag, undefined)[0]!;
}

/** Words between commas; empty ones are left out. */
export const splitWords = (value: string): string[] => value.split(",").flatMap((word) => word.trim() || []);

/** Words separated by commas or given by repeating the option; each counts once, in the order given. @param what one of them is. */
export function severalWords(what = "value"): Parse<readonly string[]> {
  return taking(SEVERAL, (value, flag, previous) => {
    const given = splitWords(value);
    if (given.length === 0) throw new UsageError(`${flag} needs at least one ${what}; it is empty.`);
    return [...new Set([...((previous as readonly string[] | undefined) ?? []), ...given])];
  });
}

/** Some of a few words, as `severalWords`. */
export function someOf(words: readonly string[], what: string): Parse<readonly string[]> {
  const several = severalWords(what);
  return taking(SEVERAL, (value, flag, previous) => {
    const unknown = several(value, flag, undefined).find((word) => !words.includes(word));
    if (unknown !== undefined) throw unknownName(what, unknown, words);
    return several(value, flag, previous);
  });
}

function toNumber(value: string): number {
  return value.trim() === "" ? NaN : Number(value);
}
