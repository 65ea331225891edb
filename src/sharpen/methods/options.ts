import { UsageError } from "../../core/errors.js";

/** The ranges that a method's own settings have. */
export type SettingRange = "positive" | "at least 0" | "between 0 and 1" | "whole";

/** A setting of a method: what the command line, the check and the record need to know of it. */
export interface MethodOption {
  /** In settings, records and presets. Two methods with an option of one name mean the same by it. */
  readonly name: string;
  /** As the command line writes it: `--beta <number>`. */
  readonly flags: string;
  /** How a sentence about its range begins: `β`. */
  readonly symbol: string;
  readonly help: string;
  readonly range: SettingRange;
  /** Absent where the method computes it. */
  readonly default?: number;
  /** The default in words: the number, or how it is computed. */
  readonly otherwise: string;
}

/** A method's own settings by name; undefined is left to the default, or to the method. */
export type OwnSettings = Readonly<Record<string, number | undefined>>;

/** For each range, what is in it, and how it is said. */
const RANGES: Readonly<Record<SettingRange, readonly [holds: (value: number) => boolean, words: string]>> = {
  positive: [(value) => value > 0 && value < Infinity, "positive"],
  "at least 0": [(value) => value >= 0 && value < Infinity, "at least 0"],
  "between 0 and 1": [(value) => value > 0 && value < 1, "between 0 and 1"],
  whole: [(value) => Number.isInteger(value) && value >= 1, "a whole number of at least 1"],
};

/** Whether a number is in a range. */
export const inRange = (range: SettingRange, value: number): boolean => RANGES[range][0](value);

/** A method's own settings with its defaults filled in, each of its options a field, in their order. */
export function ownSettings(
  options: readonly MethodOption[],
  given: Readonly<Record<string, number | null | undefined>> = {},
): OwnSettings {
  return Object.fromEntries(
    options.map(({ name, default: otherwise }) => [name, given[name] ?? otherwise] as const),
  );
}

/** @throws UsageError for a setting that the method does not have, or that is out of range. */
export function checkOwn(title: string, options: readonly MethodOption[], given: OwnSettings = {}): void {
  for (const [name, value] of Object.entries(given)) {
    const option = options.find((candidate) => candidate.name === name);
    if (option === undefined && value !== undefined) {
      const known = options.map((candidate) => candidate.name).join(", ") || "none";
      throw new UsageError(`${title} has no setting "${name}"; its own settings: ${known}.`);
    }
    if (option === undefined || value === undefined) continue;
    const [holds, words] = RANGES[option.range];
    if (!holds(value)) throw new UsageError(`${option.symbol} must be ${words}, not ${value}.`);
  }
}
