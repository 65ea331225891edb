import type { Parse } from "./values.js";

/** An option as it is parsed and as `--help` shows it: this table makes both. */
export interface OptionSpec<T> {
  /** As commander writes it: `-n, --n <count>`. */
  readonly flags: string;
  readonly description: string;
  /** Absent for a flag without a value. */
  readonly parse?: Parse<T>;
  /** Where the value comes from when it is not given, in words. */
  readonly otherwise?: string;
}

/** An option with a value. */
export function option<T>(
  flags: string,
  description: string,
  parse: Parse<T>,
  otherwise?: string,
): OptionSpec<T> {
  return { flags, description, parse, ...(otherwise !== undefined && { otherwise }) };
}

/** An option that is there or not. */
export function flag(flags: string, description: string): OptionSpec<boolean> {
  return { flags, description };
}
