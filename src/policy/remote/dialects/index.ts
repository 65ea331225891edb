import { chat } from "./chat.js";
import { completions } from "./completions.js";
import type { Dialect } from "./dialect.js";

/** The protocols that are spoken. A new one is a file here and an entry below. */
export const DIALECTS: readonly [Dialect, ...Dialect[]] = [chat, completions];
