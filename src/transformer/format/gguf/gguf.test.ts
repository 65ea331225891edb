import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gguf } from "@huggingface/gguf";
import { expect, it } from "vitest";
import { loadChatTemplate } from "../../text/chat-template.js";
import { loadModel } from "../../model.js";
import { testdata, tinyModel } from "../../tiny-models.test-helper.js";
import { tokenizerFiles } from "../../text/gguf-tokenizer.js";
import { openEncoder } from "../../text/tokenizer-library.mjs";
import { ggufTokenizer, loadTokenizer } from "../../text/tokenizer.js";
import { readGgufHeader } from "./header.js";
import { TextList } from "./read-header.js";
import { emptyMatrix, keepRows, keptFormats, keptHalf } from "./keep.js";
import { readGgufTensor } from "./weights.js";

const folder = join(testdata, "gguf");
const json = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));

it("gives every format the values of ggml's reference, to the last bit", async () => {
  const golden = json("formats.json") as Readonly<Record<string, string>>;
  const header = await readGgufHeader(join(folder, "formats.gguf"));
  const formats = [...header.tensors].map(([, { format }]) => format.name);
  expect(formats.sort()).toEqual(Object.keys(golden).sort());
  for (const [name, values] of Object.entries(golden)) {
    const tensor = await readGgufTensor(header, name);
    const bytes = Buffer.from(values, "base64");
    expect(tensor!.shape).toEqual([3, 256]);
    expect(Buffer.compare(Buffer.from(tensor!.data.buffer), bytes), name).toBe(0);
  }
});

it.each(readdirSync(folder).filter((name) => name.endsWith(".gguf")))(
  "reads the header of %s as the library does",
  async (name) => {
    const path = join(folder, name);
    const { metadata, tensors } = await readGgufHeader(path);
    const theirs = await gguf(path, { allowLocalFile: true });
    const {
      version: _,
      tensor_count: __,
      kv_count: ___,
      ...entries
    } = theirs.metadata as object as Record<string, unknown>;
    const plain = [...metadata].map(([key, value]) => [key, value instanceof TextList ? value.all() : value]);
    expect(Object.fromEntries(plain)).toEqual(entries);
    const places = theirs.tensorInfos.map((info) => [
      info.name,
      Number(theirs.tensorDataOffset + info.offset),
    ]);
    expect([...tensors].map(([tensor, { start }]) => [tensor, start])).toEqual(places);
    for (const value of metadata.values()) {
      if (!(value instanceof TextList)) continue;
      const last = value.all().at(-1)!;
      expect([value.at(value.length - 1), value.at(value.length)]).toEqual([last, undefined]);
      expect(value.indexOf(last)).toBe(value.all().indexOf(last));
      expect(value.indexOf("no such token")).toBe(-1);
    }
  },
);

it("fills a tokenizer at its first use with what the library makes of the whole tokenizer.json", async () => {
  const header = await readGgufHeader(join(folder, "tiny-gqa.gguf"));
  const { json: whole, tokens } = tokenizerFiles(header);
  const plain = openEncoder(whole, {});
  const filled = ggufTokenizer(header);
  for (const text of ["The answer is 42 .", "don't  stop", " naïve\n\n😀 x", "", "<|endoftext|> 1234 <s>"])
    expect(filled.encode(text, { addSpecialTokens: true })).toEqual(plain.encode(text, true));
  for (let id = 0; id <= tokens; id++) expect(filled.decode([id])).toBe(plain.decode([id]));
  const vocabulary = Object.keys((whole["model"] as { vocab: object }).vocab);
  for (const token of [...vocabulary, "no such token"])
    expect(filled.tokenId(token)).toBe(plain.tokenId(token));
});

it("keeps every format of blocks with the values of ggml's reference", async () => {
  const golden = json("formats.json") as Readonly<Record<string, string>>;
  const path = join(folder, "formats.gguf");
  const { tensors } = await readGgufHeader(path);
  const file = readFileSync(path);
  for (const [name, { format, start, bytes, shape }] of tensors) {
    const matrix = emptyMatrix(format, shape[0]!, shape[1]!, false);
    // Floats of 16 bits are kept as they are, and make no blocks.
    expect(matrix !== undefined, name).toBe(keptFormats.includes(name) && keptHalf(name) === undefined);
    if (matrix === undefined) continue;
    const rowBytes = bytes / 3;
    // The last row alone, then the two before it.
    keepRows(format, file.subarray(start + 2 * rowBytes, start + bytes), matrix, 2);
    keepRows(format, file.subarray(start, start + 2 * rowBytes), matrix, 0);
    const expected = new Float32Array(Uint8Array.from(Buffer.from(golden[name]!, "base64")).buffer);
    const { scales, offsets, steps, units, packed, low, blockSize = 32 } = matrix;
    const zero = steps ? 0 : 8;
    const offset = (block: number): number =>
      steps ? steps[block]! * units![block >> 3]! : (offsets?.[block] ?? 0);
    const digit = (of: Uint8Array, i: number): number => (of[i >> 1]! >> (i % 2 === 0 ? 0 : 4)) & 15;
    expected.forEach((value, i) => {
      const q = low ? 16 * (digit(packed, i) - 8) + digit(low, i) : digit(packed, i) - zero;
      const block = Math.floor(i / blockSize);
      const found = scales[block]! * q + offset(block);
      expect(Math.abs(found - value)).toBeLessThanOrEqual(
        2e-7 * Math.abs(8 * scales[block]!) + 1.2e-7 * Math.abs(value),
      );
    });
  }
});

it("reads a model as the folder that it was made of: the same weights by name, the same configuration", async () => {
  const ours = await loadModel(join(folder, "tiny-gqa.gguf"));
  const theirs = await tinyModel("tiny-gqa");
  expect(ours.name).toBe("tiny-gqa");
  expect([...ours.weights.keys()]).toEqual([...theirs.weights.keys()]);
  for (const [name, { shape, data }] of theirs.weights) {
    expect(ours.weights.get(name)!.shape).toEqual(shape);
    expect(ours.weights.get(name)!.data, name).toEqual(data);
  }
  const { rmsNormEps, ...rest } = ours.config;
  expect(theirs.config).toMatchObject({ ...rest, eosTokenIds: theirs.config.eosTokenIds });
  // The file holds it in float32.
  expect(rmsNormEps).toBe(Math.fround(theirs.config.rmsNormEps));
});

it("rebuilds a byte-level tokenizer and finds its chat template", async () => {
  const path = join(folder, "tiny-gqa.gguf");
  const ours = ggufTokenizer(await readGgufHeader(path));
  const theirs = await loadTokenizer(join(testdata, "tiny-bpe"));
  for (const text of ["The answer is 42 .", "don't  stop", " naïve\n\n😀 x", "", "1234"]) {
    const ids = ours.encode(text, { addSpecialTokens: false });
    expect(ids).toEqual(theirs.encode(text, { addSpecialTokens: false }));
    expect(ours.decode(ids)).toBe(theirs.decode(ids));
  }
  expect(ours.vocabSize).toBe(theirs.vocabSize);
  const render = await loadChatTemplate(path);
  expect(await render!([{ role: "user", content: "a + b" }])).toBe("a + b");
});

it("rebuilds a SentencePiece tokenizer: merges from the scores, bytes for what has no piece", async () => {
  const tokenizer = await loadTokenizer(join(folder, "spm.gguf"));
  const cases = json("spm.json") as readonly { text: string; ids: number[]; decoded: string }[];
  for (const { text, ids, decoded } of cases) {
    expect(tokenizer.encode(text, { addSpecialTokens: true }), JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.decode(ids), JSON.stringify(text)).toBe(decoded);
  }
});
