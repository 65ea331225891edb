import type { Family } from "./family.js";
import { llama } from "./llama.js";

/** The supported families; a new one is one file and one line here. */
export const families: readonly Family[] = [llama];
