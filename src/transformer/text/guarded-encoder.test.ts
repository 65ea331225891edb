import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ModelError } from "../../core/errors.js";
import { GuardedEncoder } from "./guarded-encoder.js";
import { knownPatterns } from "./split-patterns.js";
import { openEncoder } from "./tokenizer-library.mjs";
import { checkSteps } from "./tokenizer-steps.js";

const json = JSON.parse(
  readFileSync(join(import.meta.dirname, "../testdata/tiny-bpe/tokenizer.json"), "utf8"),
) as Record<string, unknown>;
const splitBy = (Regex: string): Record<string, unknown> => ({
  ...json,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
});

it("gives what the library gives in this thread", () => {
  const split = splitBy("\\p{L}+|[^\\p{L}]+");
  const plain = openEncoder(split, {});
  const guarded = new GuardedEncoder(split, {}, "tokenizer.json");
  for (const text of ["", "The answer is 42.", " naïve\n\n😀 x", "a".repeat(5000)]) {
    const ids = guarded.encode(text, true);
    expect(ids).toEqual(plain.encode(text, true));
    expect(guarded.decode(ids as number[])).toBe(text);
  }
  expect(guarded.tokenId("</s>")).toBe(plain.tokenId("</s>"));
  expect(guarded.decode([])).toBe("");
});

it("gives a text up on which a pattern backtracks for ever, and reads the next", () => {
  const guarded = new GuardedEncoder(splitBy("(a+)+$"), {}, "some/tokenizer.json", 0.15);
  expect(() => guarded.encode(`${"a".repeat(40)}b`, false)).toThrow(ModelError);
  expect(() => guarded.encode(`${"a".repeat(40)}b`, false)).toThrow(
    /^some\/tokenizer.json cannot be used as a tokenizer: it takes longer than 0.15 seconds for one text/,
  );
  expect(guarded.decode(guarded.encode("aaa", false) as number[])).toBe("aaa");
});

it("says what the library does not take", () => {
  expect(() => new GuardedEncoder(splitBy("(a"), {}, "t.json")).toThrow(
    /^t.json cannot be used as a tokenizer: /,
  );
});

it("knows the patterns of the table, and no others", () => {
  for (const pattern of knownPatterns) expect(checkSteps(splitBy(pattern), "f")).toBe(true);
  expect(checkSteps(json, "f")).toBe(true);
  expect(checkSteps(splitBy("(a+)+$"), "f")).toBe(false);
  const deep = JSON.parse(
    `${'{"normalizers":['.repeat(50_000)}{"Regex":"x*x*y"}${"]}".repeat(50_000)}`,
  ) as object;
  expect(checkSteps({ ...json, normalizer: deep }, "f")).toBe(false);
});

it.each([
  [
    "replacements that grow",
    { normalizer: replaceSteps(4, "a", "aaaa") },
    /normalizer make a text more than 64 times longer/,
  ],
  ["one that grows", { normalizer: replaceSteps(1, "", "x".repeat(64)) }, /64 times longer/],
  ["one that grows when decoded", { decoder: replaceSteps(1, "a", "x".repeat(65)) }, /decoder make a text/],
  ["one that repeats the text", { normalizer: replaceSteps(1, "a", "$`") }, /a Replace step puts in "\$`"/],
  ["pieces of no length", { pre_tokenizer: { type: "FixedLength", length: 0 } }, /FixedLength step needs/],
  [
    "bytes of bytes of bytes",
    { pre_tokenizer: { type: "Sequence", pretokenizers: Array(4).fill({ type: "ByteLevel" }) } },
    /64 times/,
  ],
  ["a thousand steps", { normalizer: replaceSteps(1000, "a", "b") }, /more than 64 steps/],
  ["endless stripping", { decoder: { type: "Strip", start: 1e9, stop: 0 } }, /Strip step may take away 1024/],
  ["endless words", { model: { max_input_chars_per_word: 1e9 } }, /max_input_chars_per_word is 1000000000/],
])("refuses %s", (_, parts, message) => {
  expect(() => checkSteps({ ...json, ...parts }, "t.json")).toThrow(message);
  expect(() => checkSteps({ ...json, ...parts }, "t.json")).toThrow(
    /^t.json cannot be used as a tokenizer: /,
  );
});

function replaceSteps(count: number, from: string, to: string): object {
  const step = { type: "Replace", pattern: { String: from }, content: to };
  return { type: "Sequence", normalizers: Array(count).fill(step) };
}
