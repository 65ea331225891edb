import { UsageError } from "../../../core/errors.js";
import { chat } from "./chat.js";
import { completions } from "./completions.js";
import type { Dialect } from "./dialect.js";

/** The protocols that are spoken. A new one is a file here and an entry below. */
export const DIALECTS: readonly [Dialect, ...Dialect[]] = [chat, completions];

/** A protocol by its name, or as it is. @throws UsageError for the name of no dialect. */
export function dialectOf(api: string | Dialect = "completions"): Dialect {
  if (typeof api !== "string") return api;
  const found = DIALECTS.find(({ name }) => name === api);
  if (found) return found;
  throw new UsageError(
    `There is no protocol "${api}" for servers; use ${DIALECTS.map(({ name }) => name).join(" or ")}.`,
  );
}
