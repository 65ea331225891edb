/** Each family against Python's transformers and peft: scripts/golden/families.py made the tiny models and their values. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Graph, expand, reshape } from "../../graph/index.js";
import { adapterFeeds } from "../decoder/adapter-feeds.js";
import { causalAttention, causalMasks } from "../decoder/attention.js";
import { decoder, lookUp, plainLinear, weightProduct } from "../decoder/decoder.js";
import { loraLinear } from "../decoder/lora.js";
import { headName } from "./modules.js";
import type { Model } from "../model.js";
import { loadAdapter, type LoraAdapter } from "../format/peft.js";
import { logSoftmax } from "../decoder/plain-decoder.test-helper.js";
import { rotaryTables } from "../decoder/rotary.js";
import { Runtime } from "../runtime.js";
import { openSafetensors } from "../format/safetensors.js";
import { adaptedParameters } from "../decoder/sequence-pass.js";
import { collect, largestDifference, modelOfIds, testdata } from "../tiny-models.test-helper.js";
import { Trainer } from "../train/trainer.js";

const NAMES = [
  "llama3",
  "mistral",
  "qwen2",
  "qwen3",
  "phi3",
  "phi4-mini",
  "gemma",
  "gemma3",
  "gemma3-vision",
];
const WITH_ADAPTER = ["qwen2", "qwen3", "phi3", "gemma3"];
const folderOf = (name: string): string => join(testdata, "families", name);

interface Golden {
  readonly gradientStart: number;
  readonly rows: readonly {
    readonly tokens: readonly number[];
    readonly greedy: readonly number[];
    readonly greedyLogProbs: readonly number[];
  }[];
}

/** What Python wrote: tokens, and tensors by name. */
async function goldenOf(name: string): Promise<Golden & { tensors: ReadonlyMap<string, Float32Array> }> {
  const file = await openSafetensors(join(folderOf(name), "golden.safetensors"));
  const tensors = new Map<string, Float32Array>();
  for (const key of file.tensors.keys()) tensors.set(key, (await file.read(key)).data);
  await file.close();
  const json = await readFile(join(folderOf(name), "golden.json"), "utf8");
  return { ...(JSON.parse(json) as Golden), tensors };
}

type LogitsOf = (tokens: readonly number[]) => Promise<Float32Array>;

/** Logits at each position of a sequence, by the graph that scoring and training use. */
async function logitsBy(
  { engine, maxLength, model: { config, weights } }: Runtime,
  adapter?: LoraAdapter,
): Promise<LogitsOf> {
  const graph = new Graph();
  const ids = graph.input("ids", "int32", ["b", "t"]);
  const positions = graph.input("positions", "int64", [1, "t"]);
  const { parameter } = adaptedParameters(graph, config, weights);
  const hidden = decoder(config, {
    embedded: lookUp(parameter, ids),
    positions: expand(positions, ["b", "t"]),
    rotary: rotaryTables(graph, config, maxLength),
    parameter,
    linear: adapter
      ? loraLinear(graph, config, plainLinear(config, parameter), adapter.targetModules).linear
      : plainLinear(config, parameter),
    attention: causalAttention(config, causalMasks(graph, config, positions, maxLength)),
  });
  graph.output(
    "logits",
    weightProduct(parameter)(reshape(hidden, [-1, config.hiddenSize]), headName(config)),
  );
  const session = await engine.session(graph);
  const fixed = adapter && (await adapterFeeds(engine, adapter)).feeds;
  return async (tokens) => {
    const { length } = tokens;
    const order = BigInt64Array.from(tokens, (_, t) => BigInt(t));
    const { logits } = await session.run({
      ids: { type: "int32", dims: [1, length], data: Int32Array.from(tokens) },
      positions: { type: "int64", dims: [1, length], data: order },
      ...fixed,
    });
    return logits!.data as Float32Array;
  };
}

describe.each(NAMES)("%s", (name) => {
  let model: Model;
  let golden: Awaited<ReturnType<typeof goldenOf>>;
  /** One for each row: with LongRoPE the frequencies depend on the longest sequence that a runtime holds. */
  let runtimes: readonly Runtime[];
  beforeAll(async () => {
    [model, golden] = [await modelOfIds(folderOf(name)), await goldenOf(name)];
    const ordinary = new Runtime(model, { threads: 1 });
    const long = model.config.ropeScaling?.kind === "longrope";
    runtimes = [ordinary, long ? new Runtime(model, { threads: 1, maxLength: 64 }) : ordinary];
    expect(runtimes.map(({ maxLength }) => maxLength)).toEqual([long ? 16 : 64, 64]);
  });
  afterAll(() => Promise.all(runtimes.map((runtime) => runtime.dispose())));

  test("has the logits of transformers", async () => {
    const logitsOf = await Promise.all([...new Set(runtimes)].map((runtime) => logitsBy(runtime)));
    for (const [i, { tokens }] of golden.rows.entries()) {
      const logits = await (logitsOf[i] ?? logitsOf[0]!)(tokens);
      expect(largestDifference(logits, golden.tensors.get(`logits.${i}`)!)).toBeLessThan(1e-4);
    }
  });

  test("goes on greedily as transformers does, by its cache", async () => {
    for (const [i, { tokens, greedy, greedyLogProbs }] of golden.rows.entries()) {
      const requests = [{ tag: i, prompt: tokens, promptKey: 0, index: -1 }];
      const options = { temperature: 1, maxTokens: 8, seed: 0, greedy: true };
      const [drawn] = await collect(runtimes[i]!.draw(requests, options));
      const { length } = drawn!.tokens;
      expect(drawn!.tokens).toEqual(greedy.slice(0, length));
      // Python was told to go on past the end token.
      expect(length === 8 || drawn!.tokens.at(-1) === 2).toBe(true);
      expect(largestDifference(drawn!.logProbs, greedyLogProbs.slice(0, length))).toBeLessThan(1e-4);
    }
  });

  test("scores what transformers scores, and what it has drawn itself to the same values", async () => {
    const runtime = runtimes[1]!;
    const { tokens } = golden.rows[1]!;
    const vocabulary = model.config.vocabSize;
    const logits = golden.tensors.get("logits.1")!;
    const [scored] = await runtime.score([{ prompt: tokens.slice(0, 1), response: tokens.slice(1) }]);
    const expected = tokens
      .slice(1)
      .map((token, t) => logSoftmax(logits.subarray(t * vocabulary, (t + 1) * vocabulary))[token]!);
    expect(largestDifference(scored!.logProbs, expected)).toBeLessThan(1e-4);

    // Prompts shorter and longer than a window, whose rows are at different positions.
    const prompts = [tokens.slice(0, 3), tokens.slice(0, 10), tokens];
    const requests = prompts.flatMap((prompt, tag) =>
      [0, 1, 2].map((index) => ({ tag, prompt, promptKey: tag, index })),
    );
    const options = { temperature: 1, maxTokens: 24, seed: 3 };
    const drawn = await collect(runtime.draw(requests, { ...options, rows: 6 }));
    expect(drawn).toHaveLength(9);
    const again = await runtime.score(
      drawn.map(({ tag, tokens: response }) => ({ prompt: prompts[tag]!, response })),
    );
    drawn.forEach(({ logProbs, certainties }, i) => {
      expect(largestDifference(logProbs, again[i]!.logProbs)).toBeLessThan(1e-4);
      expect(largestDifference(certainties, again[i]!.certainties)).toBeLessThan(1e-4);
    });
    // The same bits from another batch.
    const order = (list: typeof drawn): unknown =>
      list.map((each) => JSON.stringify(each)).sort((a, b) => (a < b ? -1 : 1));
    expect(order(await collect(runtime.draw(requests, { ...options, rows: 4, rowsPerGroup: 1 })))).toEqual(
      order(drawn),
    );
  });

  test.runIf(WITH_ADAPTER.includes(name))(
    "has the logits and the gradients of peft with an adapter",
    async () => {
      const adapter = await loadAdapter(join(folderOf(name), "adapter"));
      // Beyond the original length where there is one: the other row is within it.
      const { engine, maxLength } = runtimes[1]!;
      const logits = await (await logitsBy(runtimes[1]!, adapter))(golden.rows[1]!.tokens);
      expect(largestDifference(logits, golden.tensors.get("lora.logits.1")!)).toBeLessThan(1e-4);
      const { config, weights } = model;
      const trainer = await Trainer.lora(engine, config, weights, adapter, { maxLength });
      const { tokens } = golden.rows[1]!;
      const pair = {
        prompt: tokens.slice(0, golden.gradientStart),
        response: tokens.slice(golden.gradientStart),
      };
      const { gradients } = await trainer.gradients([pair], [1]);
      const expected = [...golden.tensors.keys()].filter((key) => key.startsWith("gradient."));
      expect(trainer.names.map((each) => `gradient.${each}`).sort()).toEqual(expected.sort());
      for (const [i, each] of trainer.names.entries()) {
        const theirs = golden.tensors.get(`gradient.${each}`)!;
        const largest = Math.max(...theirs.map(Math.abs));
        expect(largest).toBeGreaterThan(0.01);
        expect(largestDifference(gradients[i]!, theirs)).toBeLessThan(1e-3 * largest);
      }
      await trainer.dispose();
    },
  );
});
