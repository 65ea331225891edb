/**
 * Patterns of a tokenizer.json on which a backtracking engine takes for ever: a text is given up after two seconds, and the
 * process goes on. The patterns of the families are matched in linear time.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tokenizers from "@huggingface/tokenizers";
import { afterAll, expect, it } from "vitest";
import { ModelError } from "../../src/core/errors.js";
import { knownPatterns } from "../../src/transformer/text/split-patterns.js";
import { checkSteps } from "../../src/transformer/text/tokenizer-steps.js";
import { loadTokenizer } from "../../src/transformer/text/tokenizer.js";

const folder = mkdtempSync(join(tmpdir(), "whetstone-patterns-"));
afterAll(() => rmSync(folder, { recursive: true }));
const tinyBpe = join(import.meta.dirname, "../../src/transformer/testdata/tiny-bpe");
const json = JSON.parse(readFileSync(join(tinyBpe, "tokenizer.json"), "utf8")) as Record<string, unknown>;
let count = 0;

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const splitBy = (Regex: string): Record<string, unknown> => ({
  ...json,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [{ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false }, byteLevel],
  },
});

function modelWith(tokenizer: object): string {
  const model = join(folder, `model-${count++}`);
  cpSync(tinyBpe, model, { recursive: true });
  writeFileSync(join(model, "tokenizer.json"), JSON.stringify(tokenizer));
  return model;
}

const a = "a".repeat(40);
const hostile: readonly (readonly [pattern: string, text: string])[] = [
  ["(a+)+$", `${a}!`],
  ["(a|a)*$", `${a}!`],
  ["(a|aa)+$", `${a}${a}!`],
  ["(a*)*b", a],
  ["(x+x+)+y", "x".repeat(60)],
  ["(?:a?){40}a{30}b", a + a],
  ["([a-z]+)*\\d", `${a}!`],
  ["(\\p{L}+\\s?)+$", `${"word".repeat(10)}!`],
  ["^(\\w+\\s?)*$", `${"x".repeat(40)}!`],
  ["(\\s+)+\\d", `${" ".repeat(40)}x`],
  ["(\\p{N}+|\\p{N}+\\.)+$", `${"1".repeat(40)}x`],
  ["(?=(a+)+b)c", a],
  ["(?<!(a+)+b)(?:(a+)+c)", `${a}!`],
  ["(.*,){16}P", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30"],
  ["(a+)\\1*(\\1)*b|(a+a+)+c", `${a}!`],
  ["\\s*\\s*\\s*\\s*x", " ".repeat(3000)],
];

it("is a list of at least 15", () => expect(hostile.length).toBeGreaterThanOrEqual(15));

it.each(hostile)("gives up %s after two seconds", async (pattern, text) => {
  const model = modelWith(splitBy(pattern));
  const tokenizer = await loadTokenizer(model);
  const before = process.memoryUsage.rss();
  const started = performance.now();
  const encode = (what: string): number[] => tokenizer.encode(what, { addSpecialTokens: false });
  let error: unknown;
  try {
    encode(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(ModelError);
  const { message } = error as ModelError;
  expect(message).toContain(join(model, "tokenizer.json"));
  expect(message).toMatch(
    /takes longer than 2 seconds for one text; its patterns backtrack, use another model$/,
  );
  expect(performance.now() - started).toBeLessThan(3000);
  expect(process.memoryUsage.rss() - before).toBeLessThan(256 << 20);
  expect(tokenizer.decode(encode("hello"))).toBe("hello");
});

it("gives up a pattern of the normalizer and one of the decoder, too", async () => {
  const replace = { type: "Replace", pattern: { Regex: "(a+)+$" }, content: "" };
  const normalizing = await loadTokenizer(modelWith({ ...json, normalizer: replace }));
  expect(() => normalizing.encode(`${a}!`, { addSpecialTokens: false })).toThrow(
    /takes longer than 2 seconds/,
  );
  const word = `${a}!`;
  const added = {
    id: 1000,
    content: word,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  };
  const decoding = await loadTokenizer(
    modelWith({
      ...json,
      added_tokens: [...(json["added_tokens"] as object[]), { ...added, special: false }],
      decoder: replace,
    }),
  );
  const ids = decoding.encode(word, { addSpecialTokens: false });
  expect(ids).toEqual([1000]);
  expect(() => decoding.decode(ids)).toThrow(/takes longer than 2 seconds/);
});

const RUNS = [..."aAé中ー1٣ \n\t.'_ǅ😀\u0301\u00a0", "\r\n", "Aa", "a1", " \n", "'s", ". ", " a", "aA1 .\n"];

it.each([...knownPatterns])("matches %s in linear time, whatever the text", (pattern) => {
  expect(checkSteps(splitBy(pattern), "tokenizer.json")).toBe(true);
  // As the library rewrites it for JavaScript.
  const Library = tokenizers.Tokenizer as unknown as new (
    json: object,
    config: object,
  ) => { readonly pre_tokenizer: { readonly tokenizers: readonly { readonly pattern: RegExp }[] } };
  const { pattern: compiled } = new Library({ normalizer: null, ...splitBy(pattern) }, {}).pre_tokenizer
    .tokenizers[0]!;
  for (const run of RUNS) {
    for (const end of ["", "x", "\u0000"]) {
      const text = run.repeat(100_000) + end;
      const since = performance.now();
      expect(text.match(compiled)?.join("").length ?? 0).toBeLessThanOrEqual(text.length);
      // A quadratic pattern would need 10^10 steps.
      expect(performance.now() - since, JSON.stringify(run)).toBeLessThan(1000);
    }
  }
});
