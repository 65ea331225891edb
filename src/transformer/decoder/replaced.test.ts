/** Weights that an adapter replaces whole, against Python's peft: scripts/golden/peft_replaced.py made the adapters. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../../core/errors.js";
import { randomStream } from "../../core/random.js";
import { writeGgufLora } from "../format/gguf/write-lora.js";
import { loadAdapter, saveAdapter, type LoraAdapter } from "../format/peft.js";
import { openSafetensors } from "../format/safetensors.js";
import { loadConfig } from "../families/config.js";
import { writeMerged } from "../merge.js";
import { Runtime } from "../runtime.js";
import { collect, largestDifference, testdata, tinyModel } from "../tiny-models.test-helper.js";
import { Trainer } from "../train/trainer.js";
import { copyAdapter, newAdapter } from "./lora.js";
import { logSoftmax } from "./plain-decoder.test-helper.js";

interface Golden {
  readonly rows: readonly {
    readonly tokens: readonly number[];
    readonly logits: readonly (readonly number[])[];
  }[];
  readonly loss: { readonly tokens: readonly number[]; readonly start: number; readonly value: number };
  readonly replaced: Readonly<Record<string, number[] | number[][]>>;
  readonly gradients: Readonly<Record<string, number[] | number[][]>>;
}

let root: string;
let runtime: Runtime;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "whetstone-replaced-"));
  runtime = new Runtime(await tinyModel("tiny-tied"), { threads: 1 });
});
afterAll(async () => {
  await runtime.dispose();
  await rm(root, { recursive: true });
});

describe.each([
  ["tiny-tied-lora", ["lm_head.weight", "model.norm.weight"]],
  ["tiny-tied-norm", ["model.norm.weight"]],
])("the adapter %s that peft saved", (name, replaced) => {
  const folder = join(testdata, name);
  let adapter: LoraAdapter;
  let golden: Golden;
  beforeAll(async () => {
    adapter = await loadAdapter(folder);
    golden = JSON.parse(await readFile(join(folder, "golden.json"), "utf8")) as Golden;
  });

  test("is read with its weights, and saved again as the same bytes", async () => {
    expect([...adapter.replaced!.keys()].sort()).toEqual(replaced);
    for (const [key, values] of Object.entries(golden.replaced))
      expect(adapter.replaced!.get(key)!.data).toEqual(Float32Array.from(values.flat()));
    const copy = join(root, name);
    await saveAdapter(copy, adapter, "tiny-tied");
    const file = "adapter_model.safetensors";
    expect(await readFile(join(copy, file))).toEqual(await readFile(join(folder, file)));
    const json = async (at: string): Promise<Record<string, unknown>> =>
      JSON.parse(await readFile(join(at, "adapter_config.json"), "utf8")) as Record<string, unknown>;
    const theirs = await json(folder);
    const sorted = (value: unknown): unknown =>
      Array.isArray(value) ? [...(value as string[])].sort() : value;
    for (const [field, value] of Object.entries(await json(copy)))
      expect([field, sorted(value)]).toEqual([field, sorted(theirs[field])]);
  });

  test("scores as peft's model does", async () => {
    const feeds = await runtime.adapter(adapter);
    for (const { tokens, logits } of golden.rows) {
      const [scored] = await runtime.score(
        [{ prompt: tokens.slice(0, 1), response: tokens.slice(1) }],
        feeds,
      );
      const expected = tokens.slice(1).map((token, i) => logSoftmax(logits[i]!)[token]!);
      expect(largestDifference(scored!.logProbs, expected)).toBeLessThan(1e-4);
    }
    await feeds.dispose();
  });

  test("draws with the log-probabilities that it scores with, and leaves the base alone", async () => {
    const feeds = await runtime.adapter(adapter);
    const prompt = [1, 5, 9, 33];
    const draw = async (
      own: typeof feeds | undefined,
    ): Promise<{ tokens: readonly number[]; logProbs: readonly number[] }[]> => {
      const requests = Array.from({ length: 6 }, (_, index) => ({ tag: index, prompt, promptKey: 7, index }));
      const options = { temperature: 1, maxTokens: 8, seed: 3, rows: 8 };
      return (await collect(runtime.draw(requests, options, own))).sort((a, b) => a.tag - b.tag);
    };
    const before = await draw(undefined);
    const drawn = await draw(feeds);
    const scored = await runtime.score(
      drawn.map(({ tokens }) => ({ prompt, response: tokens })),
      feeds,
    );
    drawn.forEach(({ logProbs }, i) =>
      expect(largestDifference(logProbs, scored[i]!.logProbs)).toBeLessThan(1e-4),
    );
    expect(drawn.map(({ tokens }) => tokens)).not.toEqual(before.map(({ tokens }) => tokens));
    expect(await draw(undefined)).toEqual(before);
    await feeds.dispose();
  });

  test("has peft's loss, and its gradients in the replaced weights", async () => {
    const { config, weights } = runtime.model;
    const trained = copyAdapter(adapter);
    const trainer = await Trainer.lora(runtime.engine, config, weights, trained, { maxLength: 16 });
    const { tokens, start, value } = golden.loss;
    const pair = { prompt: tokens.slice(0, start), response: tokens.slice(start) };
    const result = await trainer.gradients([pair], [1]);
    expect(result.loss).toBeCloseTo(value, 3);
    for (const [key, values] of Object.entries(golden.gradients)) {
      const at = trainer.names.indexOf(key);
      expect(largestDifference(result.gradients[at]!, values.flat())).toBeLessThan(2e-4);
    }
    // A step moves the copy and nothing else.
    await trainer.step([pair], [1], 1e-2);
    for (const key of adapter.replaced!.keys()) {
      expect(trained.replaced!.get(key)!.data).not.toEqual(adapter.replaced!.get(key)!.data);
      expect(adapter.replaced!.get(key)!.data).toEqual(Float32Array.from(golden.replaced[key]!.flat()));
    }
    await trainer.dispose();
  });

  test("is merged into a folder that needs no adapter, untied where it has a head", async () => {
    const folderOf = join(root, `${name}-merged`);
    await writeMerged(folderOf, runtime.model, adapter);
    expect((await loadConfig(folderOf)).tieWordEmbeddings).toBe(!replaced.includes("lm_head.weight"));
    const file = await openSafetensors(join(folderOf, "model.safetensors"));
    for (const key of replaced) expect((await file.read(key)).data).toEqual(adapter.replaced!.get(key)!.data);
    const embeddings = "model.embed_tokens.weight";
    expect((await file.read(embeddings)).data).toEqual(runtime.model.weights.get(embeddings)!.data);
    await file.close();
  });

  test("is refused as an adapter of llama.cpp's, and by a model of other sizes", async () => {
    const path = join(root, "lora.gguf");
    await expect(writeGgufLora(path, adapter, runtime.model.config)).rejects.toThrow(
      /replaces .*model\.norm\.weight/,
    );
    const small = { ...runtime.model.config, hiddenSize: 8 };
    await expect(writeMerged(root, { ...runtime.model, config: small }, adapter)).rejects.toThrow(ModelError);
  });
});

test("a fresh adapter with norm and lm_head changes nothing; its tied head begins as the embeddings", async () => {
  const { config, weights } = runtime.model;
  const targetModules = ["q_proj", "norm", "lm_head"];
  const adapter = newAdapter(config, { rank: 2, targetModules }, randomStream(0, "adapter"), weights);
  expect(adapter.targetModules).toEqual(["q_proj"]);
  expect(adapter.replaced!.get("lm_head.weight")!.data).toEqual(
    weights.get("model.embed_tokens.weight")!.data,
  );
  const pairs = [{ prompt: [1, 5, 9], response: [60, 8, 21, 2] }];
  const feeds = await runtime.adapter(adapter);
  const [own] = await runtime.score(pairs, feeds);
  const [base] = await runtime.score(pairs);
  expect(largestDifference(own!.logProbs, [...base!.logProbs])).toBeLessThan(1e-5);
  await feeds.dispose();
});

test("the final norm's weight times c is temperature 1/c", async () => {
  const { weights } = runtime.model;
  const norm = weights.get("model.norm.weight")!;
  const scaled = { shape: norm.shape, data: norm.data.map((value) => value * 4) };
  const adapter: LoraAdapter = {
    rank: 1,
    alpha: 1,
    targetModules: [],
    weights: new Map(),
    replaced: new Map([["model.norm.weight", scaled]]),
  };
  const golden = JSON.parse(await readFile(join(testdata, "tiny-tied", "golden.json"), "utf8")) as Golden;
  const feeds = await runtime.adapter(adapter);
  for (const { tokens, logits } of golden.rows) {
    const [scored] = await runtime.score([{ prompt: tokens.slice(0, 1), response: tokens.slice(1) }], feeds);
    const expected = tokens
      .slice(1)
      .map((token, i) => logSoftmax(logits[i]!.map((value) => value * 4))[token]!);
    expect(largestDifference(scored!.logProbs, expected)).toBeLessThan(5e-4);
  }
  await feeds.dispose();
});
