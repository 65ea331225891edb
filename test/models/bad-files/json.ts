import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BadFile } from "./bad-file.js";

const testdata = join(import.meta.dirname, "../../../src/transformer/testdata");
type Json = Record<string, unknown>;
const read = (path: string): Json => JSON.parse(readFileSync(join(testdata, path), "utf8")) as Json;
const tokenizerJson = read("tiny-bpe/tokenizer.json");
const configJson = read("tiny-gqa/config.json");

/** A model folder in which one file is replaced. */
const replaced = (opener: "tokenizer" | "config", file: string) => {
  const source = join(testdata, opener === "tokenizer" ? "tiny-bpe" : "tiny-gqa");
  return (
    what: string,
    content: string | Uint8Array | ((path: string) => void),
    message: RegExp | undefined,
    limitMs?: number,
  ): BadFile => ({
    what,
    opener,
    make: (folder) => {
      const own = join(folder, "model");
      cpSync(source, own, { recursive: true });
      const path = join(own, file);
      rmSync(path, { force: true });
      if (typeof content === "function") content(path);
      else writeFileSync(path, content);
      return own;
    },
    message,
    ...(limitMs === undefined ? {} : { limitMs }),
  });
};
const tokenizer = replaced("tokenizer", "tokenizer.json");
const tokenizerConfig = replaced("tokenizer", "tokenizer_config.json");
const config = replaced("config", "config.json");
const generation = replaced("config", "generation_config.json");

const withParts = (parts: object): string => JSON.stringify({ ...tokenizerJson, ...parts });
const withModel = (parts: object): string =>
  withParts({ model: { ...(tokenizerJson["model"] as object), ...parts } });
const withFields = (fields: object): string => JSON.stringify({ ...configJson, ...fields });
const sparse = (bytes: number) => (path: string) => {
  writeFileSync(path, "{");
  truncateSync(path, bytes);
};
const replace = (from: object, to: string): object => ({ type: "Replace", pattern: from, content: to });
const GIGABYTE = 2 ** 30;

export const jsonFiles: readonly BadFile[] = [
  tokenizer("a tokenizer of a gigabyte", sparse(GIGABYTE), /has 1073741824 bytes, more than the 64 MB/),
  tokenizer("a text of 60 MB", `{"model":"${"x".repeat(60 << 20)}"}`, /model is missing or malformed/),
  tokenizer(
    "lists 100,000 deep",
    `{"model":${"[".repeat(1e5)}${"]".repeat(1e5)}}`,
    /nested more than 1000 deep/,
  ),
  tokenizer(
    "steps 300 deep",
    `{"normalizer":${'{"type":"Sequence","normalizers":['.repeat(300)}${"]}".repeat(300)},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`,
    /more than 64 steps/,
  ),
  tokenizer(
    "a token twice",
    `{"model":{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}}`,
    /has the key "a" twice/,
  ),
  tokenizer("an id of 2^40", withModel({ vocab: { a: 2 ** 40 } }), /model\.vocab\.a is missing or malformed/),
  tokenizer("a negative id", withModel({ vocab: { a: -1 } }), /model\.vocab\.a is missing or malformed/),
  tokenizer(
    "a token of 2^40",
    withParts({ added_tokens: [{ id: 2 ** 40, content: "b" }] }),
    /added_tokens\.0\.id is missing/,
  ),
  tokenizer(
    "merges of things that are no texts",
    withModel({ merges: [{}, 7] }),
    /cannot be used as a tokenizer/,
  ),
  tokenizer("no merges", withModel({ merges: undefined }), /cannot be used as a tokenizer/),
  tokenizer("words as tokens", withModel({ type: "WordLevel" }), /WordLevel tokenizer is not supported/),
  tokenizer(
    "a step that does not exist",
    withParts({ pre_tokenizer: { type: "Exec" } }),
    /cannot be used as a tokenizer/,
  ),
  tokenizer(
    "a pattern that backtracks for ever",
    withParts({
      pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false },
    }),
    /takes longer than 2 seconds for one text/,
    4000,
  ),
  tokenizer(
    "a pattern that is none",
    withParts({
      pre_tokenizer: { type: "Split", pattern: { Regex: "(((" }, behavior: "Isolated", invert: false },
    }),
    /cannot be used as a tokenizer/,
  ),
  tokenizer(
    "steps that multiply a text",
    withParts({
      normalizer: { type: "Sequence", normalizers: Array<object>(30).fill(replace({ String: "a" }, "aa")) },
    }),
    /make a text more than 64 times longer/,
  ),
  tokenizer(
    "pieces of no length",
    withParts({ pre_tokenizer: { type: "FixedLength", length: 0 } }),
    /FixedLength step needs a length/,
  ),
  tokenizer(
    "a tokenizer that breaks off",
    JSON.stringify(tokenizerJson).slice(0, 200),
    /is not valid JSON .* download it again/,
  ),
  tokenizer("a tokenizer that is no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), /cannot read .*tokenizer\.json/),
  tokenizer("a tokenizer behind a pipe", (path) => execFileSync("mkfifo", [path]), /is not a file/),
  tokenizerConfig("a template that is a number", '{"chat_template":7}', /chat_template is malformed/),
  tokenizerConfig(
    "a template twice",
    '{"chat_template":"a","chat_template":"b"}',
    /has the key "chat_template" twice/,
  ),
  tokenizerConfig("a configuration of 11 MB", sparse(11 << 20), /more than the 10 MB/),
  config("an empty configuration", "", /is not valid JSON/),
  config("a configuration that is a list", "[]", /without model_type is not supported/),
  config("a configuration that is a folder", (path) => mkdirSync(path), /is not a file|is a folder/),
  config("a configuration without an end", (path) => symlinkSync("/dev/zero", path), /is not a file/),
  config("a width twice", `{"hidden_size":1,${withFields({}).slice(1)}`, /has the key "hidden_size" twice/),
  config(
    "a family called __proto__",
    withFields({ model_type: "__proto__" }),
    /"__proto__" is not supported/,
  ),
  config(
    "a prototype with sizes",
    `{"model_type":"llama","__proto__":${withFields({})}}`,
    /is missing or malformed/,
  ),
  config("10^9 layers", withFields({ num_hidden_layers: 1e9 }), /num_hidden_layers is missing or malformed/),
  config("a width of 10^300", withFields({ hidden_size: 1e300 }), /hidden_size is missing or malformed/),
  config("a width of -1", withFields({ hidden_size: -1 }), /hidden_size is missing or malformed/),
  config("a vocabulary as a text", withFields({ vocab_size: "512" }), /vocab_size is missing or malformed/),
  config(
    "heads that do not divide",
    withFields({ num_attention_heads: 3, num_key_value_heads: 2 }),
    /does not divide|width of a head/,
  ),
  config(
    "a start token behind the vocabulary",
    withFields({ bos_token_id: 1e6 }),
    /bos_token_id 1000000 is not below vocab_size/,
  ),
  config(
    "weights that are quantized otherwise",
    withFields({ quantization_config: { bits: 4 } }),
    /quantization_config is not supported/,
  ),
  generation(
    "an end token behind the vocabulary",
    '{"eos_token_id":1000000}',
    /eos_token_id 1000000 is not below vocab_size/,
  ),
  generation(
    "2,000 end tokens",
    JSON.stringify({ eos_token_id: Array<number>(2000).fill(1) }),
    /eos_token_id is malformed/,
  ),
];
