import { unknownName } from "../../../core/names.js";
import { chat } from "./chat.js";
import { completions } from "./completions.js";
import type { Dialect } from "./dialect.js";

/** The protocols that are spoken. A new one is a file here and an entry below. */
export const DIALECTS: readonly [Dialect, ...Dialect[]] = [chat, completions];

/** The protocol of that name. @throws UsageError listing the names, if there is none. */
export function dialectNamed(name: string): Dialect {
  const dialect = DIALECTS.find((candidate) => candidate.name === name);
  const names = DIALECTS.map((each) => each.name);
  if (dialect === undefined) throw unknownName("protocol", name, names);
  return dialect;
}

/** A protocol by its name, or as it is. @throws as `dialectNamed`. */
export function dialectOf(api: string | Dialect = "completions"): Dialect {
  return typeof api === "string" ? dialectNamed(api) : api;
}
