import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../../core/errors.js";
import { loadTokenizer } from "./tokenizer.js";

const testdata = join(import.meta.dirname, "../testdata");
const game24 = join(import.meta.dirname, "..", "..", "..", "models", "game24");
const bpe = join(testdata, "tiny-bpe");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "whetstone-tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Golden {
  readonly size: number;
  readonly cases: readonly { text: string; plain: number[]; framed: number[]; decoded: string }[];
}

describe.each([
  ["models/game24", game24, join(testdata, "game24-tokenizer.json")],
  ["a byte-level BPE", bpe, join(bpe, "golden.json")],
])("%s", (_, model, goldenFile) => {
  test("gives the ids and texts that Python's transformers gives", async () => {
    const golden = JSON.parse(await readFile(goldenFile, "utf8")) as Golden;
    const tokenizer = await loadTokenizer(model);
    expect(tokenizer.vocabSize).toBe(golden.size);
    for (const { text, plain, framed, decoded } of golden.cases) {
      expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(plain);
      expect(tokenizer.encode(text, { addSpecialTokens: true })).toEqual(framed);
      expect(tokenizer.decode(framed)).toBe(decoded);
    }
  });

  test("decodes nothing to nothing, and passes over ids that are no token", async () => {
    const tokenizer = await loadTokenizer(model);
    const [some] = tokenizer.encode("7", { addSpecialTokens: false });
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.decode([tokenizer.vocabSize, 1e6])).toBe("");
    expect(tokenizer.decode([some!, tokenizer.vocabSize])).toBe("7");
  });
});

describe("models/game24", () => {
  test("has one token a number, mark and special token, in this order", async () => {
    const tokenizer = await loadTokenizer(game24);
    const words = ["<pad>", "<s>", "</s>", "<unk>", ..."+-*/=,:"];
    for (let number = 0; number <= 200; number++) words.push(String(number));
    expect(words.map((word) => tokenizer.tokenId(word))).toEqual(words.map((_, id) => id));
    expect(tokenizer.vocabSize).toBe(words.length);
    expect(tokenizer.tokenId("201")).toBeUndefined();
    expect(tokenizer).not.toHaveProperty("chatTemplate");
  });

  test("a text of its words, single-spaced, survives; any other word is unknown", async () => {
    const tokenizer = await loadTokenizer(game24);
    const word = fc.oneof(fc.constantFrom(..."+-*/=,:"), fc.nat(200).map(String));
    const foreign = fc
      .stringMatching(/^[0-9a-z+]{2,6}$/)
      .filter((text) => tokenizer.tokenId(text) === undefined);
    fc.assert(
      fc.property(fc.array(word), foreign, (words, other) => {
        const ids = tokenizer.encode(words.join(" "), { addSpecialTokens: false });
        expect(ids).toEqual(words.map((text) => tokenizer.tokenId(text)));
        expect(tokenizer.decode(ids)).toBe(words.join(" "));
        expect(tokenizer.encode([...words, other].join(" "), { addSpecialTokens: false }).at(-1)).toBe(3);
      }),
    );
  });
});

test("a byte-level BPE gives back any text, and U+FFFD for part of a character", async () => {
  const tokenizer = await loadTokenizer(bpe);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false }))).toBe(text);
    }),
  );
  const rocket = tokenizer.encode("🚀", { addSpecialTokens: false });
  expect(tokenizer.decode(rocket.slice(0, -1))).toContain("\ufffd");
});

describe("the chat template", () => {
  const templateOf = async (config: unknown): Promise<string | undefined> => {
    const own = await mkdtemp(join(folder, "template-"));
    await copyFile(join(bpe, "tokenizer.json"), join(own, "tokenizer.json"));
    await writeFile(join(own, "tokenizer_config.json"), JSON.stringify(config));
    return (await loadTokenizer(own)).chatTemplate;
  };
  test("comes from its own file, or from tokenizer_config.json", async () => {
    expect((await loadTokenizer(bpe)).chatTemplate).toBe(
      await readFile(join(bpe, "chat_template.jinja"), "utf8"),
    );
    expect(await templateOf({ chat_template: "{{ x }}" })).toBe("{{ x }}");
    const named = [
      { name: "tool_use", template: "T" },
      { name: "default", template: "D" },
    ];
    expect(await templateOf({ chat_template: named })).toBe("D");
    expect(await templateOf({ chat_template: named.slice(0, 1) })).toBeUndefined();
    expect(await templateOf({})).toBeUndefined();
  });
});

describe("what is refused", () => {
  const tokenizerJson = (model: unknown, more: object = {}) =>
    JSON.stringify({ added_tokens: [], model, ...more });
  test.each([
    [
      "WordLevel",
      tokenizerJson({ type: "WordLevel", vocab: { a: 0 } }),
      "a WordLevel tokenizer is not supported",
    ],
    ["no model", "{}", "model is missing or malformed"],
    ["no vocabulary", tokenizerJson({ type: "BPE" }), "model.vocab is missing or malformed"],
    [
      "a negative id",
      tokenizerJson({ type: "BPE", vocab: { a: -1 } }),
      "model.vocab.a is missing or malformed",
    ],
    [
      "an absurd id",
      tokenizerJson({ type: "BPE", vocab: { a: 2 ** 40 } }),
      "model.vocab.a is missing or malformed",
    ],
    [
      "an absurd added id",
      tokenizerJson(
        { type: "BPE", vocab: { a: 0 }, merges: [] },
        { added_tokens: [{ id: 2 ** 40, content: "b" }] },
      ),
      "added_tokens.0.id is missing or malformed",
    ],
    [
      "a part that the library does not know",
      tokenizerJson({ type: "BPE", vocab: { a: 0 }, merges: [] }, { decoder: { type: "Nonsense" } }),
      "cannot be used as a tokenizer",
    ],
    ["not JSON", "{", "is not valid JSON"],
  ])("%s", async (_, text, message) => {
    const own = await mkdtemp(join(folder, "refused-"));
    await writeFile(join(own, "tokenizer.json"), text);
    const error: unknown = await loadTokenizer(own).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as ModelError).message).toContain(join(own, "tokenizer.json"));
    expect((error as ModelError).message).toContain(message);
  });

  test("a folder without tokenizer.json, and a tokenizer_config.json that is broken", async () => {
    const own = await mkdtemp(join(folder, "broken-"));
    await expect(loadTokenizer(own)).rejects.toThrow("tokenizer.json: there is no such file");
    await copyFile(join(bpe, "tokenizer.json"), join(own, "tokenizer.json"));
    await writeFile(join(own, "tokenizer_config.json"), '{"chat_template": 7}');
    await expect(loadTokenizer(own)).rejects.toThrow("tokenizer_config.json: chat_template is malformed");
  });

  test("a step whose fields are missing, once a text comes to it", async () => {
    const own = await mkdtemp(join(folder, "step-"));
    const model = { type: "BPE", vocab: { a: 0 }, merges: [] };
    const more = { post_processor: { type: "TemplateProcessing", pair: [], special_tokens: {} } };
    await writeFile(join(own, "tokenizer.json"), tokenizerJson(model, more));
    const tokenizer = await loadTokenizer(own);
    const encode = () => tokenizer.encode("a", { addSpecialTokens: true });
    expect(encode).toThrow(ModelError);
    expect(encode).toThrow(`${join(own, "tokenizer.json")} cannot be used as a tokenizer: `);
  });

  test("text without a token, where the vocabulary has none for the unknown", async () => {
    const own = await mkdtemp(join(folder, "unknown-"));
    const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab: { a: 0 } };
    await writeFile(join(own, "tokenizer.json"), tokenizerJson(model));
    const tokenizer = await loadTokenizer(own);
    expect(tokenizer.encode("a", { addSpecialTokens: false })).toEqual([0]);
    const encode = () => tokenizer.encode("b", { addSpecialTokens: false });
    expect(encode).toThrow('has no token for a part of "b"');
  });
});
