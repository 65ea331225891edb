/** How byte-level tokenizers split a text before they merge, by the names that GGUF files use (tokenizer.ggml.pre). */
import { ModelError } from "../../core/errors.js";
import { GPT_4O, LLAMA_3, QWEN_2, TEKKEN } from "./split-patterns.js";

/** The part of a tokenizer.json that splits, and whether a word that is a token as a whole is taken as it is. */
export interface Splitting {
  readonly preTokenizer: object;
  readonly ignoreMerges: boolean;
}

const split = (pattern: string): object => ({
  type: "Split",
  pattern: { Regex: pattern },
  behavior: "Isolated",
  invert: false,
});
const byteLevel = (useRegex: boolean): object => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const sequence = (...parts: readonly object[]): object => ({ type: "Sequence", pretokenizers: parts });
const byPattern = (pattern: string, ignoreMerges = false): Splitting => ({
  preTokenizer: sequence(split(pattern), byteLevel(false)),
  ignoreMerges,
});

const GPT_2: Splitting = { preTokenizer: byteLevel(true), ignoreMerges: false };
// Each digit by itself, of whatever script, then as GPT-2. A pattern, because the library's own part for digits knows
// only ASCII's.
const DIGITS: Splitting = { preTokenizer: sequence(split("\\p{N}"), byteLevel(true)), ignoreMerges: false };

const splittings: Readonly<Record<string, Splitting>> = {
  default: GPT_2,
  "gpt-2": GPT_2,
  smollm: DIGITS,
  starcoder: DIGITS,
  refact: DIGITS,
  "command-r": DIGITS,
  codeshell: DIGITS,
  "llama-bpe": byPattern(LLAMA_3, true),
  llama3: byPattern(LLAMA_3, true),
  "llama-v3": byPattern(LLAMA_3, true),
  qwen2: byPattern(QWEN_2),
  "deepseek-r1-qwen": byPattern(QWEN_2),
  tekken: byPattern(TEKKEN, true),
  "gpt-4o": byPattern(GPT_4O),
};

/** @throws ModelError for a name that is not known, with those that are. */
export function preTokenizerOf(name: string | undefined, path: string): Splitting {
  if (name === undefined) {
    throw new ModelError(
      `${path} does not say how its tokenizer splits text (tokenizer.ggml.pre): it is too old; convert the model again`,
    );
  }
  const known = Object.hasOwn(splittings, name) ? splittings[name] : undefined;
  if (known !== undefined) return known;
  throw new ModelError(
    `${path}: its tokenizer splits text as "${name}", which is not supported; supported are ${Object.keys(splittings).join(", ")}`,
  );
}

/** Whether models with this splitting put their start token before a text when the file does not say. */
export function startsWithBos(name: string | undefined): boolean {
  return name === "llama-bpe" || name === "llama3" || name === "llama-v3" || name === "tekken";
}
