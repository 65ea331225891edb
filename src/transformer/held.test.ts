import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { holdWeights } from "./decoder/hold.js";
import { tensorShapes } from "./families/config.js";
import { blockFormats, type BlockFormat } from "./format/gguf/dequantize.js";
import { emptyMatrix, keepRows } from "./format/gguf/keep.js";
import { openWeights, type WeightSource } from "./format/weights.js";
import type { Draw } from "./decode/draw-request.js";
import type { Model } from "./model.js";
import { Runtime } from "./runtime.js";
import { collect, largestDifference, modelOfIds, randomModel, testdata } from "./tiny-models.test-helper.js";

const cache = mkdtempSync(join(tmpdir(), "whetstone-held-"));
const before = process.env["XDG_CACHE_HOME"];
beforeAll(() => void (process.env["XDG_CACHE_HOME"] = cache));
afterAll(() => {
  if (before === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = before;
  rmSync(cache, { recursive: true });
});

const Q8_0 = blockFormats.get(8)!;
const Q5_0 = blockFormats.get(6)!;

/** A float32 in (2^-14, 1) as a half, cut. */
function halfBytes(value: number): [number, number] {
  const exponent = Math.floor(Math.log2(value));
  const bits = ((exponent + 15) << 10) | Math.floor((value / 2 ** exponent - 1) * 1024);
  return [bits & 255, bits >>> 8];
}

/** Blocks of eight bits, and of five where the columns are no multiple of 64, whose values are near the given ones. */
function blocksOf(data: Float32Array, isWide: boolean): Uint8Array {
  const { bytes } = isWide ? Q8_0 : Q5_0;
  const file = new Uint8Array((data.length / 32) * bytes);
  for (let block = 0; block < data.length / 32; block++) {
    const values = data.subarray(32 * block, 32 * block + 32);
    const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-3);
    const scale = most / (isWide ? 120 : 15);
    const at = block * bytes;
    file.set(halfBytes(scale), at);
    values.forEach((value, i) => {
      const q = Math.round(value / scale);
      if (isWide) file[at + 2 + i] = Math.max(-127, Math.min(127, q));
      else {
        const level = Math.max(0, Math.min(31, q + 16));
        file[at + 2 + (i >>> 3)]! |= (level >>> 4) << (i & 7);
        file[at + 6 + (i % 16)]! |= (level & 15) << (i < 16 ? 0 : 4);
      }
    });
  }
  return file;
}

/** A weight of such a model; a vector is no blocks. */
interface Stored {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly file?: Uint8Array;
  readonly format: BlockFormat;
}

/** A model's weights as blocks; and the model of the values that these stand for. */
function blockModel(model: Model): { readonly source: WeightSource; readonly dequantized: Model } {
  const weights = new Map<string, Stored>();
  for (const [name, { shape, data }] of model.weights) {
    if (shape.length !== 2) {
      weights.set(name, { shape, data, format: Q8_0 });
      continue;
    }
    const isWide = shape[1]! % 64 === 0;
    const [file, format] = [blocksOf(data, isWide), isWide ? Q8_0 : Q5_0];
    const values = new Float32Array(data.length);
    format.dequantize(file, values, 0);
    weights.set(name, { shape, data: values, file, format });
  }
  const of = (name: string) => weights.get(name)!;
  const source: WeightSource = {
    names: () => [...weights.keys()],
    has: (name) => weights.has(name),
    shape: (name) => of(name).shape,
    stored: (name) => ({ format: of(name).format.name, bytes: 0 }),
    read: (name) => Promise.resolve(of(name)),
    blocks: (name) => {
      const { shape, file, format } = of(name);
      const matrix = emptyMatrix(format, shape[0]!, shape[1]!)!;
      keepRows(format, file!, matrix, 0);
      return Promise.resolve(matrix);
    },
    rows: (name) => {
      const { shape, file: blocks, format } = of(name);
      const file = join(cache, `${model.digest}.rows`);
      writeFileSync(file, blocks!);
      return { file, format, start: 0, rows: shape[0]!, columns: shape[1]! };
    },
    close: () => Promise.resolve(),
  };
  return { source, dequantized: { ...model, weights } };
}

async function heldModel(
  model: Model,
  source: WeightSource,
  keep: boolean,
  notice?: (sentence: string) => void,
): Promise<Model> {
  const shapes = tensorShapes(model.config);
  const request = { source, place: "here", config: model.config, shapes, keep, digest: model.digest, notice };
  return { ...model, weights: new Map(), held: await holdWeights(request) };
}

const PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1], [8]];
const requests = PROMPTS.flatMap((prompt, p) =>
  [0, 1, 2, 3, 4].map((index) => ({ tag: `${p}/${index}`, prompt, promptKey: p, index })),
);

async function drawn(runtime: Runtime, rows: number, greedy: boolean) {
  const options = { temperature: 0.8, maxTokens: 8, seed: 5, rows, greedy };
  const all = await collect(runtime.draw(requests, options));
  return new Map(all.map(({ tag, ...rest }) => [tag, rest]));
}

/** Held once, a model says what it says in memory; to the bit in every batch. */
async function expectSame(held: Model, plain: Model): Promise<void> {
  const [ours, theirs] = [new Runtime(held, { threads: 2 }), new Runtime(plain, { threads: 2 })];
  try {
    for (const greedy of [true, false]) {
      const expected = await drawn(theirs, 8, greedy);
      const found = await drawn(ours, 8, greedy);
      expect(await drawn(ours, 24, greedy)).toEqual(found);
      for (const [tag, { tokens, logProbs, certainties }] of expected) {
        expect(found.get(tag)!.tokens, `${tag}, greedy ${greedy}`).toEqual(tokens);
        expect(largestDifference(found.get(tag)!.logProbs, logProbs)).toBeLessThan(2e-4);
        expect(largestDifference(found.get(tag)!.certainties, certainties)).toBeLessThan(2e-4);
      }
      const pairs = requests.map(({ tag, prompt }) => ({ prompt, response: expected.get(tag)!.tokens }));
      const scored = await ours.score(pairs);
      scored.forEach(({ logProbs, certainties }, i) => {
        const { logProbs: own, certainties: spread } = expected.get(requests[i]!.tag)!;
        expect(largestDifference(logProbs, own)).toBeLessThan(2e-4);
        expect(largestDifference(certainties, spread)).toBeLessThan(2e-4);
      });
    }
  } finally {
    await ours.dispose();
    await theirs.dispose();
  }
}

it.each([true, false])("keeps blocks with the values of the dequantized model (tied: %s)", async (tied) => {
  const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16, tieWordEmbeddings: tied };
  const { source, dequantized } = blockModel(await randomModel(wide, 7));
  await expectSame(await heldModel(dequantized, source, true), dequantized);
});

it("computes prompts in blocks, where they are kept, as in memory", async () => {
  const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16, maxPositions: 256 };
  const { source, dequantized } = blockModel(await randomModel(wide, 7));
  const held = await heldModel(dequantized, source, true);
  const long = Array.from({ length: 150 }, (_, i) => 4 + ((i * 13) % 90));
  const asked = [0, 1].map((index) => ({ tag: index, prompt: long, promptKey: 1, index }));
  const drawnBy = async (model: Model, prefixBytes: number): Promise<Draw<number>[]> => {
    const runtime = new Runtime(model, { threads: 1, prefixBytes });
    const options = { temperature: 1, maxTokens: 8, seed: 5 };
    const draws = await collect(runtime.draw(asked, options));
    await runtime.dispose();
    return draws.sort((a, b) => a.tag - b.tag);
  };
  const expected = await drawnBy(dequantized, 0);
  (await drawnBy(held, 1 << 26)).forEach(({ tokens, logProbs }, i) => {
    expect(tokens).toEqual(expected[i]!.tokens);
    expect(largestDifference(logProbs, expected[i]!.logProbs)).toBeLessThan(2e-4);
  });
});

it.each(["gemma3", "phi3", "qwen3"])(
  "holds %s in floats with the values that it has in memory",
  async (name) => {
    const folder = join(testdata, "families", name);
    const source = await openWeights(folder);
    const model = await modelOfIds(folder);
    await expectSame(await heldModel(model, source, false), model);
    await source.close();
  },
);

it("makes a copy that is truncated, broken or of another version anew, and says so", async () => {
  const { source, dequantized } = blockModel(
    await randomModel({ hiddenSize: 32, intermediateSize: 32, headDim: 8 }, 3),
  );
  const sentences: string[] = [];
  const hold = () => heldModel(dequantized, source, true, (sentence) => sentences.push(sentence));
  await hold();
  const folder = join(cache, "whetstone", "weights");
  const file = join(folder, `${dequantized.digest.slice(0, 32)}-kept.bin`);
  const whole = readFileSync(file);
  await hold();
  expect(sentences).toEqual([]);
  truncateSync(file, whole.length - 100);
  await hold();
  writeFileSync(
    file,
    Buffer.from(whole.toString("latin1").replace('{"version":1', '{"version":0'), "latin1"),
  );
  await hold();
  writeFileSync(file, "no arrays are here, but letters");
  await hold();
  expect(sentences).toEqual([
    `${file} is truncated or broken; it is made anew.`,
    `${file} is of another version; it is made anew.`,
    `${file} is truncated or broken; it is made anew.`,
  ]);
  expect(readFileSync(file).equals(whole)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
});

it("refuses to keep what has no blocks, and a copy that has no place", async () => {
  const model = await randomModel({ hiddenSize: 32, intermediateSize: 32, headDim: 8 }, 4);
  const { source } = blockModel(model);
  const { blocks: _, rows: __, ...floats } = source;
  await expect(heldModel(model, floats, true)).rejects.toThrow(
    /here has no linear in blocks that can be kept/,
  );
  writeFileSync(join(cache, "taken"), "");
  process.env["XDG_CACHE_HOME"] = join(cache, "taken");
  await expect(heldModel(model, source, true)).rejects.toThrow(/cannot (open|be written)/);
  process.env["XDG_CACHE_HOME"] = cache;
});
