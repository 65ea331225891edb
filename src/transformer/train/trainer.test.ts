import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../../core/errors.js";
import { randomStream } from "../../core/random.js";
import { Engine } from "../../graph/index.js";
import { newAdapter, type LoraOptions } from "../decoder/lora.js";
import type { Model } from "../model.js";
import { openFiles } from "../format/open-files.test-helper.js";
import type { LoraAdapter } from "../format/peft.js";
import { logSoftmax, plainLogits } from "../decoder/plain-decoder.test-helper.js";
import { writeSafetensors } from "../format/safetensors.js";
import { evenLength, packBatches, type TokenPair } from "../decoder/packing.js";
import type { Weights } from "../decoder/sequence-pass.js";
import { largestDifference, randomAdapter, randomModel } from "../tiny-models.test-helper.js";
import { Trainer, type PairWeight, type TrainerOptions } from "./trainer.js";

let engine: Engine;
let model: Model;
let folder: string;
beforeAll(async () => {
  engine = new Engine({ threads: 1 });
  model = await randomModel({ vocabSize: 40, hiddenSize: 16, intermediateSize: 24, headDim: 4 });
  folder = await realpath(await mkdtemp(join(tmpdir(), "whetstone-trainer-")));
});
afterAll(async () => {
  await engine.dispose();
  await rm(folder, { recursive: true });
});

const OPTIONS: TrainerOptions = { maxLength: 24, weightDecay: 0.01, clipNorm: 1 };

const PAIRS: readonly TokenPair[] = [
  { prompt: [0, 5, 6], response: [7, 8, 1] },
  { prompt: [0], response: [9, 10, 11, 12, 13, 1] },
  { prompt: [0, 5, 6, 20, 21, 22, 23, 24], response: [3] },
  { prompt: [0, 30], response: [31, 32, 33, 34, 35, 36, 37, 38, 39, 1] },
];
const WEIGHTS: readonly PairWeight[] = [0.5, 1, -0.7, 0.25];

const copyOf = (weights: Weights): Weights =>
  new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));

const full = (weights: Weights, options: Partial<TrainerOptions> = {}): Promise<Trainer> =>
  Trainer.full(engine, model.config, weights, { ...OPTIONS, ...options });

const LORA: LoraOptions = { rank: 3, targetModules: ["q_proj", "down_proj"] };
const fresh = (options: LoraOptions = LORA): LoraAdapter =>
  newAdapter(model.config, options, randomStream(1, "adapter"));
const lora = (adapter: LoraAdapter, options: Partial<TrainerOptions> = {}): Promise<Trainer> =>
  Trainer.lora(engine, model.config, model.weights, adapter, { ...OPTIONS, ...options });

/** −Σ weight · log π by a plain forward in float64. */
function plainLoss(weights: Weights, pairs: readonly TokenPair[], of: readonly PairWeight[]): number {
  const logitsOf = plainLogits({ config: model.config, weights });
  let loss = 0;
  pairs.forEach(({ prompt, response }, i) => {
    const logits = logitsOf([...prompt, ...response]);
    response.forEach((token, t) => {
      const weight = of[i]!;
      const each = typeof weight === "number" ? weight : weight[t]!;
      loss -= each * logSoftmax(logits[prompt.length - 1 + t]!)[token]!;
    });
  });
  return loss;
}

describe("gradients", () => {
  test("of all weights agree with finite differences of a plain forward", async () => {
    const trainer = await full(copyOf(model.weights));
    const { loss, gradients } = await trainer.gradients(PAIRS, WEIGHTS);
    expect(loss).toBeCloseTo(plainLoss(model.weights, PAIRS, WEIGHTS), 4);
    expect(new Set(trainer.names)).toEqual(new Set(model.weights.keys()));
    const stream = randomStream(2, "entries");
    for (const [i, name] of trainer.names.entries()) {
      const { data } = model.weights.get(name)!;
      // An entry that matters: of a few, the one of the largest gradient (most rows of an embedding have none).
      const entries = Array.from({ length: 8 }, () => stream.integer(data.length));
      const entry = entries.reduce((a, b) =>
        Math.abs(gradients[i]![b]!) > Math.abs(gradients[i]![a]!) ? b : a,
      );
      const lossAt = (value: number): number => {
        const moved = copyOf(model.weights);
        moved.get(name)!.data[entry] = value;
        // What float32 makes of the value.
        return plainLoss(moved, PAIRS, WEIGHTS);
      };
      const [high, low] = [Math.fround(data[entry]! + 2e-3), Math.fround(data[entry]! - 2e-3)];
      const slope = (lossAt(high) - lossAt(low)) / (high - low);
      const analytic = gradients[i]![entry]!;
      expect(Math.abs(analytic - slope), name).toBeLessThan(2e-3 * Math.max(1, Math.abs(slope)));
    }
    await trainer.dispose();
  });

  test.each(["full", "lora"] as const)("do not depend on passes or order (%s)", async (kind) => {
    const make = (maxTokensPerPass: number): Promise<Trainer> =>
      kind === "full"
        ? full(model.weights, { maxTokensPerPass })
        : lora(randomAdapter(fresh(), 1, 0.2), { maxTokensPerPass });
    const one = await make(2048);
    const several = await make(12);
    const expected = await one.gradients(PAIRS, WEIGHTS);
    const order = [2, 0, 3, 1];
    const results = [
      await several.gradients(PAIRS, WEIGHTS),
      await one.gradients(
        order.map((i) => PAIRS[i]!),
        order.map((i) => WEIGHTS[i]!),
      ),
      await several.gradients(
        order.map((i) => PAIRS[i]!),
        order.map((i) => WEIGHTS[i]!),
      ),
    ];
    const largest = Math.max(...expected.gradients.flatMap((part) => [...part.map(Math.abs)]));
    expect(largest).toBeGreaterThan(0.1);
    for (const { loss, gradients } of results) {
      expect(loss).toBeCloseTo(expected.loss, 4);
      gradients.forEach((part, i) =>
        expect(largestDifference(part, expected.gradients[i]!)).toBeLessThan(1e-5 * Math.max(1, largest)),
      );
    }
    await Promise.all([one.dispose(), several.dispose()]);
  });

  test.each(["full", "lora"] as const)(
    "of sequences in one row are the sums of each alone (%s)",
    async (kind) => {
      const common = Array.from({ length: 33 }, (_, i) => (7 * i) % 40);
      const pairs = [
        { prompt: common, response: [7, 8, 1] },
        { prompt: common, response: [7, 8, 9, 2] },
        { prompt: [...common, 3], response: [4, 4, 1] },
      ];
      const weights = [0.5, [1, -0.5, 0.25, 2], -0.7];
      const { config } = model;
      expect(packBatches(pairs, { maxTokens: 2048, evenLength: evenLength(config) })[0]!.size).toEqual({
        b: 1,
        t: 39,
        k: 10,
      });
      for (const checkpointing of [false, true]) {
        // The longest sequence has 37 tokens, the row 39 places.
        const options = { maxLength: 37, checkpointing };
        const trainer = await (kind === "full"
          ? full(model.weights, options)
          : lora(randomAdapter(fresh(), 1, 0.2), options));
        const together = await trainer.gradients(pairs, weights);
        const sums = together.gradients.map(({ length }) => new Float32Array(length));
        let loss = 0;
        for (const [i, pair] of pairs.entries()) {
          const alone = await trainer.gradients([pair], [weights[i]!]);
          loss += alone.loss;
          alone.gradients.forEach((part, j) => part.forEach((value, k) => (sums[j]![k]! += value)));
        }
        expect(together.loss).toBeCloseTo(loss, 4);
        const largest = Math.max(...sums.flatMap((part) => [...part.map(Math.abs)]));
        expect(largest).toBeGreaterThan(0.1);
        together.gradients.forEach((part, i) =>
          expect(largestDifference(part, sums[i]!)).toBeLessThan(1e-5 * Math.max(1, largest)),
        );
        await trainer.dispose();
      }
    },
  );

  test("take a weight for each token; an empty response, and an empty batch, add nothing", async () => {
    const trainer = await lora(randomAdapter(fresh(), 1, 0.2));
    const [pair] = PAIRS as [TokenPair];
    const same = await trainer.gradients([pair], [[0.5, 0.5, 0.5]]);
    const number = await trainer.gradients([pair], [0.5]);
    expect(same).toEqual(number);
    // Only the middle token: the same as a response of that token alone.
    const middle = await trainer.gradients(
      [pair, { prompt: [0, 9, 9, 9, 9, 9], response: [] }],
      [[0, 2, 0], 1],
    );
    const alone = await trainer.gradients([{ prompt: [...pair.prompt, 7], response: [8] }], [2]);
    expect(middle.loss).toBeCloseTo(alone.loss, 5);
    middle.gradients.forEach((part, i) =>
      expect(largestDifference(part, alone.gradients[i]!)).toBeLessThan(1e-5),
    );
    const nothing = await trainer.gradients([], []);
    expect(nothing.loss).toBe(0);
    nothing.gradients.forEach((part) => expect(part.every((value) => value === 0)).toBe(true));
    const logProbs = await trainer.logProbs([{ prompt: [0], response: [] }, pair]);
    expect(logProbs.map(({ length }) => length)).toEqual([0, 3]);
    expect(-0.5 * logProbs[1]!.reduce((sum, value) => sum + value, 0)).toBeCloseTo(number.loss, 5);
    await trainer.dispose();
  });
});

describe("a step", () => {
  test("is AdamW's: the first moves each parameter by the learning rate against its gradient", async () => {
    const weights = copyOf(model.weights);
    const trainer = await full(weights, { weightDecay: 0.1, clipNorm: Infinity });
    const { gradients, loss } = await trainer.gradients(PAIRS, WEIGHTS);
    const result = await trainer.step(PAIRS, WEIGHTS, 1e-3);
    expect(result.loss).toBe(loss);
    const squares = gradients.flatMap((part) => [...part]).reduce((sum, value) => sum + value ** 2, 0);
    expect(result.gradientNorm).toBeCloseTo(Math.sqrt(squares), 6);
    expect(trainer.steps).toBe(1);
    for (const [i, name] of trainer.names.entries()) {
      const before = model.weights.get(name)!.data;
      const after = weights.get(name)!.data;
      const expected = before.map((value, j) => {
        const g = gradients[i]![j]!;
        return value * (1 - 1e-3 * 0.1) - (1e-3 * g) / (Math.abs(g) + 1e-8);
      });
      // Of gradients near epsilon float32 moments lose a digit or two.
      const clear = [...before.keys()].filter((j) => Math.abs(gradients[i]![j]!) > 1e-5);
      expect(
        largestDifference(
          clear.map((j) => after[j]!),
          clear.map((j) => expected[j]!),
        ),
      ).toBeLessThan(1e-6);
    }
    await trainer.dispose();
  });

  test("that diverges is refused, and leaves the parameters as they were", async () => {
    const adapter = fresh();
    const trainer = await lora(adapter);
    const before = [...adapter.weights.values()].map(({ a, b }) => [a.slice(), b.slice()]);
    await expect(trainer.step(PAIRS, [Infinity, 1, 1, 1], 1e-3)).rejects.toThrow(ModelError);
    expect([...adapter.weights.values()].map(({ a, b }) => [a, b])).toEqual(before);
    expect(trainer.steps).toBe(0);
    await trainer.dispose();
  });

  test.each([
    ["full", 60, 0.02],
    ["lora", 100, 0.02],
  ] as const)("after step fits four pairs (%s)", async (kind, steps, rate) => {
    const weights = copyOf(model.weights);
    // An adapter cannot lengthen the head's rows, and short ones bound every probability well below 1.
    const head = weights.get("lm_head.weight")!.data;
    head.set(head.map((value) => 4 * value));
    const adapter = fresh({ rank: 8 });
    const options = { ...OPTIONS, weightDecay: 0, clipNorm: Infinity };
    const trainer = await (kind === "full"
      ? Trainer.full(engine, model.config, weights, options)
      : Trainer.lora(engine, model.config, weights, adapter, options));
    const tokens = PAIRS.reduce((sum, { response }) => sum + response.length, 0);
    const each = PAIRS.map(() => 1 / tokens);
    const first = await trainer.gradients(PAIRS, each);
    let last = first.loss;
    for (let step = 0; step < steps; step++) last = (await trainer.step(PAIRS, each, rate)).loss;
    expect(first.loss).toBeGreaterThan(3);
    expect(last).toBeLessThan(0.1);
    // The caller's arrays are the trained ones.
    const trained = plainLogits({ ...model, weights }, kind === "lora" ? adapter : undefined);
    const { prompt, response } = PAIRS[1]!;
    const logits = trained([...prompt, ...response]);
    response.forEach((token, t) => {
      const row = logits[prompt.length - 1 + t]!;
      expect(row.indexOf(Math.max(...row))).toBe(token);
    });
    await trainer.dispose();
  });
});

describe("a checkpoint", () => {
  const STEPS = 5;
  const rate = (step: number): number => 0.01 / (1 + step);
  /** Each step has a batch of its own. */
  const batch = (step: number): readonly TokenPair[] => [PAIRS[step % 4]!, PAIRS[(step + 1) % 4]!];

  async function run(trainer: Trainer, to: number): Promise<void> {
    while (trainer.steps < to) {
      const step = trainer.steps;
      await trainer.step(batch(step), [1, 0.3], rate(step));
    }
  }

  test.each([
    ["full", 1],
    ["full", 4],
    ["lora", 0],
    ["lora", 2],
    ["lora", 4],
  ] as const)("continues as if never interrupted: %s, after %i steps", async (kind, k) => {
    const path = join(folder, `${kind}-${k}.safetensors`);
    const start = (): { trainer: Promise<Trainer>; data: () => Float32Array[] } => {
      if (kind === "full") {
        const weights = copyOf(model.weights);
        return { trainer: full(weights), data: () => [...weights.values()].map(({ data }) => data) };
      }
      const adapter = fresh();
      const data = (): Float32Array[] => [...adapter.weights.values()].flatMap(({ a, b }) => [a, b]);
      return { trainer: lora(adapter), data };
    };
    const whole = start();
    const first = await whole.trainer;
    await run(first, k);
    await first.saveCheckpoint(path, { epoch: "7" });
    await run(first, STEPS);
    const resumed = start();
    const second = await resumed.trainer;
    const metadata = await second.loadCheckpoint(path);
    expect([metadata.get("epoch"), second.steps]).toEqual(["7", k]);
    await run(second, STEPS);
    expect(resumed.data()).toEqual(whole.data());
    expect(await second.logProbs(PAIRS)).toEqual(await first.logProbs(PAIRS));
    expect((await openFiles(folder)) ?? []).toEqual([]);
    await Promise.all([first.dispose(), second.dispose()]);
  });

  test("of something else is refused, by name, and changes nothing", async () => {
    const path = join(folder, "mine.safetensors");
    const mine = await lora(fresh());
    await run(mine, 1);
    await mine.saveCheckpoint(path);
    const others: readonly [LoraOptions, RegExp][] = [
      [{ ...LORA, rank: 4 }, /has the shape \[3, 16\], not \[4, 16\]/],
      [{ ...LORA, alpha: 9 }, /lora\.scaling 2, not 3: it is a checkpoint of another adapter/],
      [{ ...LORA, targetModules: ["q_proj"] }, /also holds "model\.layers\.0\.mlp\.down_proj\.lora_A/],
      [{ ...LORA, targetModules: ["q_proj", "v_proj", "down_proj"] }, /has no tensor ".*v_proj\.lora_A"/],
    ];
    for (const [options, message] of others) {
      const adapter = fresh(options);
      const trainer = await lora(adapter);
      await expect(trainer.loadCheckpoint(path)).rejects.toThrow(message);
      await expect(trainer.loadCheckpoint(path)).rejects.toThrow(ModelError);
      expect(adapter).toEqual(fresh(options));
      expect(trainer.steps).toBe(0);
      await trainer.dispose();
    }
    const all = await full(copyOf(model.weights));
    await expect(all.loadCheckpoint(path)).rejects.toThrow(/has no tensor "model\.embed_tokens\.weight"/);
    await expect(all.loadCheckpoint(join(folder, "none.safetensors"))).rejects.toThrow(ModelError);
    const weightsOnly = join(folder, "weights.safetensors");
    await writeSafetensors(weightsOnly, new Map(model.weights));
    await expect(all.loadCheckpoint(weightsOnly)).rejects.toThrow(/it is no checkpoint/);
    expect((await openFiles(folder)) ?? []).toEqual([]);
    await Promise.all([mine.dispose(), all.dispose()]);
  });
});
