import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { randomStream } from "../core/random.js";
import { loadConfig, tensorShapes, type ModelConfig } from "./families/config.js";
import { digestOf, type Model } from "./model.js";
import { loadAdapter, type LoraAdapter } from "./format/peft.js";
import type { Weights } from "./decoder/sequence-pass.js";
import { loadTokenizer } from "./text/tokenizer.js";
import { openWeights } from "./format/weights.js";

export const testdata = join(import.meta.dirname, "testdata");

/** A sequence with what Python's transformers (or peft) computes on it. */
export interface GoldenRow {
  readonly tokens: readonly number[];
  /** At each position. */
  readonly logits: readonly (readonly number[])[];
  /** log π of tokens 1, 2, …; absent with an adapter. */
  readonly logProbs: readonly number[];
  readonly greedy: readonly number[];
  readonly greedyLogProbs: readonly number[];
}

/** What peft computes with the adapter of tiny-gqa-lora. */
export interface GoldenAdapter {
  readonly rows: readonly Pick<GoldenRow, "tokens" | "logits">[];
  readonly loss: { readonly tokens: readonly number[]; readonly start: number; readonly value: number };
  readonly gradients: Readonly<Record<string, { readonly a: number[][]; readonly b: number[][] }>>;
}

async function readGolden(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(testdata, name, "golden.json"), "utf8"));
}

export type TinyName = "tiny-gqa" | "tiny-tied";

export async function goldenRows(name: TinyName): Promise<readonly GoldenRow[]> {
  return ((await readGolden(name)) as { rows: GoldenRow[] }).rows;
}

export async function goldenAdapter(): Promise<GoldenAdapter> {
  return (await readGolden("tiny-gqa-lora")) as GoldenAdapter;
}

/** The adapter that peft saved for tiny-gqa: rank 4, alpha 8, on three kinds of linears. */
export const tinyAdapter = (): Promise<LoraAdapter> => loadAdapter(join(testdata, "tiny-gqa-lora"));

/** A model that transformers saved. Its folder has no tokenizer: it is given one that its token ids do not need. */
export const tinyModel = (name: TinyName): Promise<Model> => modelOfIds(join(testdata, name));

/** As `tinyModel`, from any folder. */
export async function modelOfIds(folder: string): Promise<Model> {
  const config = await loadConfig(folder);
  const source = await openWeights(folder);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const tensor of tensorShapes(config).keys()) weights.set(tensor, await source.read(tensor));
  await source.close();
  const tokenizer = await loadTokenizer(join(testdata, "tiny-bpe"));
  return {
    name: basename(folder),
    folder,
    config,
    weights,
    tokenizer,
    digest: digestOf(config, weights),
  };
}

/** A model of random weights over the tokens of tiny-bpe; what differs from a small default can be given. */
export async function randomModel(different: Partial<ModelConfig> = {}, seed = 1): Promise<Model> {
  const tokenizer = await loadTokenizer(join(testdata, "tiny-bpe"));
  const config: ModelConfig = {
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 24,
    intermediateSize: 40,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 6,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    maxPositions: 96,
    tieWordEmbeddings: false,
    bosTokenId: 0,
    eosTokenIds: [1],
    padTokenId: 1,
    ...different,
  };
  const weights = randomWeights(config, seed, 0.25);
  return { name: "random", folder: "random", config, weights, tokenizer, digest: digestOf(config, weights) };
}

/** Normal weights; those of the norms around 1. */
export function randomWeights(config: ModelConfig, seed: number, deviation: number): Weights {
  const stream = randomStream(seed, "weights");
  return new Map(
    [...tensorShapes(config)].map(([name, shape]) => {
      const size = shape.reduce((product, dim) => product * dim, 1);
      const center = shape.length === 1 ? 1 : 0;
      const data = Float32Array.from({ length: size }, () => center + deviation * stream.normal());
      return [name, { shape, data }];
    }),
  );
}

/** An adapter that changes something: A and B random. */
export function randomAdapter(adapter: LoraAdapter, seed: number, deviation: number): LoraAdapter {
  const stream = randomStream(seed, "adapter");
  const random = (size: number): Float32Array =>
    Float32Array.from({ length: size }, () => deviation * stream.normal());
  const weights = [...adapter.weights].map(
    ([module, pair]) => [module, { ...pair, a: random(pair.a.length), b: random(pair.b.length) }] as const,
  );
  return { ...adapter, weights: new Map(weights) };
}

/** The largest absolute difference of two lists; throws where they are not equally long. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values and ${b.length}`);
  let largest = 0;
  // Not Math.max of the two: a NaN must not be lost.
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
