import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError, UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { LocalPolicy } from "../policy/local-policy.js";
import type { ScoreRequest } from "../policy/policy.js";
import { localTrainers } from "../policy/local-trainer.js";
import type { TrainerOptions, Trainers } from "../policy/trainer.js";
import type { LoraAdapter } from "../transformer/format/peft.js";
import { PAPER_SFT, type FitHooks, type FitOptions } from "./fit-adapter.js";
import type { Iterate } from "./fit-problem.js";
import { hasEnded, keptEpoch } from "./kept-epoch.js";
import { sftSharpen } from "./sft.js";
import { bytesOf } from "./tiny-job.test-helper.js";
import { promptsOf, tinyPolicy } from "./tiny-policies.test-helper.js";

let policy: LocalPolicy;
let trainers: Trainers<LoraAdapter>;
const folder = mkdtempSync(join(tmpdir(), "whetstone-sft-"));
beforeAll(async () => {
  policy = await tinyPolicy("tiny-gqa");
  trainers = localTrainers(policy);
});
afterAll(async () => {
  await policy.dispose();
  rmSync(folder, { recursive: true });
});

/** Responses of different lengths; `which` fixes them. */
function examplesOf(count: number, which: string): ScoreRequest[] {
  const stream = randomStream(1, which);
  return promptsOf(count).map((prompt) => ({
    prompt,
    tokens: Array.from({ length: 1 + stream.integer(5) }, () => 4 + stream.integer(60)),
  }));
}

const settings: FitOptions = {
  epochs: 3,
  batchSize: 2,
  learningRate: 0.02,
  clipNorm: 1,
  rank: 2,
  targetModules: ["q_proj", "down_proj"],
  seed: 4,
};

/** A step as it was asked for. */
interface Step {
  readonly prompts: readonly string[];
  readonly weights: readonly (readonly number[])[];
  readonly learningRate: number;
  readonly loss: number;
}

/** The same trainers, writing down how they are asked. */
function watched(inner: Trainers<LoraAdapter>): {
  trainers: Trainers<LoraAdapter>;
  steps: Step[];
  options: TrainerOptions[];
} {
  const steps: Step[] = [];
  const options: TrainerOptions[] = [];
  const start: Trainers<LoraAdapter>["start"] = async (asked) => {
    options.push(asked);
    const trainer = await inner.start(asked);
    const half: Omit<Step, "learningRate">[] = [];
    return Object.assign(Object.create(trainer) as typeof trainer, {
      forwardBackward: async (...[sequences, weights]: Parameters<typeof trainer.forwardBackward>) => {
        const loss = await trainer.forwardBackward(sequences, weights);
        half.push({ prompts: sequences.map(({ prompt }) => prompt.id), weights, loss });
        return loss;
      },
      optimStep: async (learningRate: number) => {
        const result = await trainer.optimStep(learningRate);
        steps.push({ ...half.pop()!, learningRate });
        return result;
      },
    });
  };
  return { trainers: { ...inner, start }, steps, options };
}

/** Mean −log π per token, by scoring with the adapter in place. */
async function lossOf(adapter: LoraAdapter, examples: readonly ScoreRequest[]): Promise<number> {
  const adapted = await policy.withAdapter(adapter);
  const values = (await adapted.logProb(examples)).flatMap((row) => [...row]);
  await adapted.dispose();
  return -values.reduce((a, b) => a + b, 0) / values.length;
}

describe("sftSharpen", () => {
  it("lowers the loss of what it learns, and starts from the base's", async () => {
    const examples = examplesOf(5, "learned");
    const { epochs, keptEpoch: kept, adapter } = await sftSharpen(trainers, examples, [], settings);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
    const base = (await policy.logProb(examples)).flatMap((row) => [...row]);
    expect(epochs[0]!.validationLoss).toBeCloseTo(-base.reduce((a, b) => a + b, 0) / base.length, 5);
    expect(epochs[0]!.trainLoss).toBeUndefined();
    // Without validation prompts the iterates are judged by what they learn.
    for (const [i, { validationLoss }] of epochs.slice(1).entries())
      expect(validationLoss).toBeLessThan(epochs[i]!.validationLoss);
    expect(kept).toBe(3);
    expect(await lossOf(adapter!, examples)).toBeCloseTo(epochs[3]!.validationLoss, 4);
  });

  it("keeps the iterate with the lowest validation loss, unchanged by the epochs after it", async () => {
    const [examples, validation] = [examplesOf(4, "learned"), examplesOf(4, "unrelated").reverse()];
    const seen: { epoch: Iterate; bytes: number[][]; kept: boolean }[] = [];
    const onEpoch: FitHooks<LoraAdapter>["onEpoch"] = async (epoch, training, kept) => {
      seen.push({ epoch, bytes: bytesOf(await training.adapter()), kept });
    };
    // A rate at which learning overshoots.
    const overshooting = { ...settings, epochs: 5, learningRate: 0.05, schedule: "constant" as const };
    const result = await sftSharpen(trainers, examples, validation, overshooting, { onEpoch });
    const losses = result.epochs.map(({ validationLoss }) => validationLoss);
    expect(result.keptEpoch).toBe(losses.indexOf(Math.min(...losses)));
    expect(result.keptEpoch).toBeGreaterThan(0);
    expect(result.keptEpoch).toBeLessThan(5);
    expect(bytesOf(result.adapter!)).toEqual(seen[result.keptEpoch]!.bytes);
    expect(bytesOf(result.adapter!)).not.toEqual(seen[5]!.bytes);
    expect(seen.map(({ epoch }) => epoch)).toEqual(result.epochs);
    for (const [i, { kept }] of seen.entries())
      expect(kept).toBe(losses.slice(0, i).every((loss) => losses[i]! < loss));
    expect(await lossOf(result.adapter!, validation)).toBeCloseTo(Math.min(...losses), 4);
    // If asked, the last is kept, along the same way.
    const last: boolean[] = [];
    const toTheEnd = await sftSharpen(
      trainers,
      examples,
      validation,
      { ...overshooting, keep: "last" },
      {
        onEpoch: (_, __, kept) => {
          last.push(kept);
          return Promise.resolve();
        },
      },
    );
    expect(toTheEnd.epochs).toEqual(result.epochs);
    expect(toTheEnd.keptEpoch).toBe(5);
    expect(bytesOf(toTheEnd.adapter!)).toEqual(seen[5]!.bytes);
    expect(last).toEqual([true, true, true, true, true, true]);
    // With patience it ends earlier, along the same way, with the same iterate.
    const patient = { ...overshooting, patience: 5 - result.keptEpoch - 1 || 1 };
    const short = await sftSharpen(trainers, examples, validation, patient);
    expect(short.epochs).toEqual(result.epochs.slice(0, result.keptEpoch + patient.patience + 1));
    expect(short.epochs.length).toBeLessThanOrEqual(result.epochs.length);
    expect(bytesOf(short.adapter!)).toEqual(bytesOf(result.adapter!));
  });

  it("is over when all iterates are there, or none was better for as long as it has patience", () => {
    const of = (...losses: number[]): { epoch: number; validationLoss: number }[] =>
      losses.map((validationLoss, epoch) => ({ epoch, validationLoss }));
    expect(hasEnded([], 2)).toBe(false);
    expect(hasEnded(of(3, 2), 2)).toBe(false);
    expect(hasEnded(of(3, 2, 1), 2)).toBe(true);
    expect(hasEnded(of(3, 4, 5, 6), 30, 0)).toBe(false);
    expect(hasEnded(of(3, 4, 5), 30, 3)).toBe(false);
    expect(hasEnded(of(3, 4, 5, 6), 30, 3)).toBe(true);
    // A tie is not better; a new lowest begins the count anew.
    expect(hasEnded(of(3, 2, 2, 2), 30, 2)).toBe(true);
    expect(hasEnded(of(3, 4, 2, 5), 30, 2)).toBe(false);
  });

  it.each([
    [5, 2, [2, 2, 1]],
    [3, 8, [3]],
    [4, 4, [4]],
    [1, 1, [1]],
  ])(
    "takes %d examples in batches of %d, each once an epoch, every token of a batch with the same weight",
    async (count, batchSize, sizes) => {
      const { trainers: trained, steps } = watched(trainers);
      const examples = examplesOf(count, "batches");
      const heard: number[][] = [];
      const { epochs } = await sftSharpen(
        trained,
        examples,
        [],
        { ...settings, epochs: 2, batchSize },
        {
          onStep: (step, total, loss) => heard.push([step, total, loss]),
        },
      );
      expect(steps.map(({ prompts }) => prompts.length)).toEqual([...sizes, ...sizes]);
      const tokens = new Map(examples.map(({ prompt, tokens: response }) => [prompt.id, response.length]));
      const sizeOf = (step: Step): number => step.prompts.reduce((sum, id) => sum + tokens.get(id)!, 0);
      for (const epoch of [0, 1]) {
        const own = steps.slice(epoch * sizes.length, (epoch + 1) * sizes.length);
        expect(own.flatMap(({ prompts }) => prompts).sort()).toEqual([...tokens.keys()].sort());
        const total = own.reduce((sum, step) => sum + step.loss * sizeOf(step), 0);
        expect(epochs[epoch + 1]!.trainLoss).toBeCloseTo(
          total / [...tokens.values()].reduce((a, b) => a + b, 0),
          10,
        );
      }
      for (const step of steps)
        expect(step.weights).toEqual(
          step.prompts.map((id) => Array.from({ length: tokens.get(id)! }, () => 1 / sizeOf(step))),
        );
      expect(heard).toEqual(steps.map(({ loss }, i) => [i + 1, 2 * sizes.length, loss]));
    },
  );

  it("steps along the schedule, over all epochs", async () => {
    const rates = async (options: Partial<FitOptions>): Promise<number[]> => {
      const { trainers: trained, steps } = watched(trainers);
      await sftSharpen(trained, examplesOf(4, "rates"), [], {
        ...settings,
        epochs: 2,
        learningRate: 0.01,
        ...options,
      });
      return steps.map(({ learningRate }) => learningRate * 100);
    };
    const close = (values: readonly number[]): unknown[] =>
      values.map((value) => expect.closeTo(value, 12) as unknown);
    expect(await rates({})).toEqual(close([1, 0.75, 0.5, 0.25]));
    expect(await rates({ schedule: "constant" })).toEqual(close([1, 1, 1, 1]));
    const half = Math.SQRT1_2;
    expect(await rates({ schedule: "cosine" })).toEqual(close([1, (1 + half) / 2, 0.5, (1 - half) / 2]));
    expect(await rates({ warmup: 2 })).toEqual(close([1 / 3, 2 / 3, 1, 0.5]));
  });

  it("clips the gradient, decays weights, and is the paper's by default", async () => {
    const { trainers: trained, options } = watched(trainers);
    await sftSharpen(trained, examplesOf(1, "one"), [], { seed: 4, epochs: 1 });
    expect(options).toEqual([{ rank: 16, alpha: 32, clipNorm: 0.1, weightDecay: 0, seed: 4 }]);
    expect(PAPER_SFT).toMatchObject({
      epochs: 30,
      batchSize: 4,
      learningRate: 3e-4,
      schedule: "linear",
      clipNorm: 0.1,
    });
    const trainedWith = async (different: Partial<FitOptions>): Promise<number[][]> => {
      const examples = examplesOf(2, "clipping");
      return bytesOf((await sftSharpen(trainers, examples, [], { ...settings, ...different })).adapter!);
    };
    const plain = await trainedWith({ clipNorm: Infinity });
    expect(await trainedWith({ clipNorm: 1e9 })).toEqual(plain);
    expect(await trainedWith({ clipNorm: 1e-9 })).not.toEqual(plain);
    expect(await trainedWith({ clipNorm: Infinity, weightDecay: 1 })).not.toEqual(plain);
  });

  it.each<[string, Partial<FitOptions>]>([
    ["epochs", { epochs: 0 }],
    ["epochs", { epochs: 1.5 }],
    ["batchSize", { batchSize: 0 }],
    ["rank", { rank: -1 }],
    ["learningRate", { learningRate: 0 }],
    ["learningRate", { learningRate: NaN }],
    ["learningRate", { learningRate: Infinity }],
    ["clipNorm", { clipNorm: 0 }],
    ["alpha", { alpha: -2 }],
    ["weightDecay", { weightDecay: -0.1 }],
    ["warmup", { warmup: -1 }],
    ["warmup", { warmup: 0.5 }],
    ["schedule", { schedule: "toString" as "linear" }],
    ["patience", { patience: -1 }],
    ["keep", { keep: "first" as "last" }],
    ["target modules", { targetModules: ["q_proj", "embed_tokens"] }],
    ["target modules", { targetModules: [] }],
  ])("refuses a wrong %s: %o", async (name, wrong) => {
    const { trainers: trained, options } = watched(trainers);
    const training = sftSharpen(trained, examplesOf(1, "one"), [], { ...settings, ...wrong });
    await expect(training).rejects.toThrow(UsageError);
    await expect(training).rejects.toThrow(name);
    expect(options).toEqual([]);
  });

  it("refuses to learn from nothing", async () => {
    await expect(sftSharpen(trainers, [], examplesOf(1, "one"), settings)).rejects.toThrow(
      /nothing to train on/,
    );
    const empty = [{ prompt: promptsOf(1)[0]!, tokens: [] }];
    await expect(sftSharpen(trainers, empty, [], settings)).rejects.toThrow(/"p0" has no tokens/);
  });

  it("continues from a checkpoint after any epoch, bit for bit", async () => {
    const [examples, validation] = [examplesOf(5, "learned"), examplesOf(3, "validation")];
    const path = (epoch: number): string => join(folder, `epoch-${epoch}.safetensors`);
    const final = async (
      hooks: FitHooks<LoraAdapter>,
    ): Promise<{ bytes: number[][]; epochs: readonly Iterate[] }> => {
      let bytes: number[][] = [];
      const onEpoch: FitHooks<LoraAdapter>["onEpoch"] = async (_, training) => {
        bytes = bytesOf(await training.adapter());
      };
      const { epochs } = await sftSharpen(trainers, examples, validation, settings, { ...hooks, onEpoch });
      return { bytes, epochs };
    };
    const whole = await final({ checkpoint: (training, { epoch }) => training.save(path(epoch), {}) });
    for (const done of [0, 1, 2]) {
      const resumed = await final({
        restore: async (training) => {
          await training.load(path(done));
          return { epochs: whole.epochs.slice(0, done + 1) };
        },
      });
      expect(resumed).toEqual(whole);
    }
    const finished = await sftSharpen(trainers, examples, validation, settings, {
      restore: async (training) => {
        await training.load(path(3));
        return { epochs: whole.epochs };
      },
    });
    expect(finished).toEqual({
      adapter: undefined,
      epochs: whole.epochs,
      keptEpoch: keptEpoch(whole.epochs),
    });
  });

  it("stops between steps with one clear sentence", async () => {
    const stop = new AbortController();
    const steps: number[] = [];
    const training = sftSharpen(
      trainers,
      examplesOf(6, "stopped"),
      [],
      { ...settings, signal: stop.signal },
      {
        onStep: (step) => {
          steps.push(step);
          if (step === 2) stop.abort(new Error("Ctrl-C"));
        },
      },
    );
    await expect(training).rejects.toThrow(InterruptedError);
    await expect(training).rejects.toThrow(/^Training was stopped\.$/);
    expect(steps).toEqual([1, 2]);
  });
});
