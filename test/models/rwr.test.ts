import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError, UsageError } from "../../src/core/errors.js";
import { factOf } from "../../src/evaluate/metrics.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { tabularPolicy } from "../../src/policy/tabular.js";
import type { Prompt } from "../../src/policy/policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { FINAL_NORM } from "../../src/transformer/families/modules.js";
import { loadAdapter } from "../../src/transformer/format/peft.js";
import type { FitOptions } from "../../src/sharpen/fit-adapter.js";
import type { FitBatch } from "../../src/sharpen/fit-problem.js";
import { keptEpoch } from "../../src/sharpen/kept-epoch.js";
import {
  filesOf,
  newFolder,
  runJob,
  startJob,
  tinyFit,
  tinyJob,
  tinyTask,
} from "../../src/sharpen/tiny-job.test-helper.js";
import { promptsOf, tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import type { MethodPlan } from "../../src/sharpen/methods/method.js";
import { nobody } from "../../src/sharpen/methods/no-trainer.test-helper.js";
import { rwr } from "../../src/sharpen/methods/rwr.js";
import { sft } from "../../src/sharpen/methods/sft.js";
import { temperature } from "../../src/sharpen/methods/temperature.js";

const N = 40;
const TABLE = [0.1, 0.3, 0.6];

/** The plan for one training prompt with three responses, by log-likelihood. */
async function planned(beta: number, reward = "log-likelihood"): Promise<MethodPlan> {
  const [train, judged] = promptsOf(2) as [Prompt, Prompt];
  const policy = tabularPolicy({ [train.id]: TABLE, [judged.id]: TABLE });
  const job = tinyJob(policy, await tinyTask(false));
  const run = await startJob(newFolder(), job);
  try {
    return await rwr.plan({
      ...job,
      method: rwr,
      policy,
      trainers: nobody,
      run,
      split: { test: [], train: [train], validation: [judged] },
      reward: rewardNamed(reward),
      settings: { trainN: N, own: { beta }, fit: tinyFit },
    });
  } finally {
    await run.close();
  }
}

/** The one batch of a plan's training examples. */
const batchOf = (plan: MethodPlan): Promise<FitBatch> =>
  plan.fitTo(async (problem) => problem.batch(await problem.examples(1, undefined as never)));

/** −∂loss/∂log π summed by response: the share of the loss's weight that each response of the table has. */
function shares({ sequences, objective }: FitBatch): number[] {
  const { gradient } = objective.evaluate(sequences.map(() => -1));
  const sums = TABLE.map(() => 0);
  sequences.forEach(({ tokens }, i) => (sums[tokens[0]!]! -= gradient[i]!));
  return sums.map((value) => value / sums.reduce((a, b) => a + b, 0));
}

describe("what is learned of a pool", () => {
  it.each([0.25, 1, 4])("is the pool tilted by exp(r/β), β = %d", async (beta) => {
    const plan = await planned(beta);
    const batch = await batchOf(plan);
    // With β = 4 nothing is negligible, and the batch holds the pool: its counts give the weights by hand.
    const pool = (await batchOf(await planned(1e6))).sequences.map(({ tokens }) => tokens[0]!);
    expect(pool).toHaveLength(N);
    const mass = TABLE.map((p, y) => pool.filter((token) => token === y).length * p ** (1 / beta));
    const total = mass.reduce((a, b) => a + b, 0);
    shares(batch).forEach((share, y) => expect(share).toBeCloseTo(mass[y]! / total, 2));
    const left = 1 - shares(batch).reduce((sum, share) => sum + share, 0);
    expect(left).toBeCloseTo(0, 12);
  });

  it("is the likeliest response alone as β falls, and the pool itself as it rises", async () => {
    const sharp = await planned(0.01);
    expect(shares(await batchOf(sharp))).toEqual([0, 0, 1]);
    const { facts } = await planned(1e6);
    expect(facts["effectiveResponses"]).toBeCloseTo(N, 3);
    expect(facts).toMatchObject({ modelCalls: N, validationCalls: N, beta: 1e6 });
  });

  it("costs the weighted mean of −log π per token", async () => {
    const { sequences, objective, size } = await batchOf(await planned(1e6));
    const logProbs = sequences.map(({ tokens }) => Math.log(TABLE[tokens[0]!]!));
    const tokens = sequences.reduce((sum, { tokens: own }) => sum + own.length, 0);
    expect(size).toBeCloseTo(tokens / N, 6);
    expect(objective.evaluate(logProbs).loss).toBeCloseTo(-logProbs.reduce((a, b) => a + b, 0) / tokens, 5);
  });

  it("is refused for a reward whose scores are a random choice", () => {
    const random = { ...rewardNamed("log-likelihood"), randomized: true as const };
    expect(() => rwr.check!({ trainN: 4, fit: tinyFit }, random)).toThrow(UsageError);
  });
});

describe("on a transformer", () => {
  let policy: LocalPolicy;
  beforeAll(async () => {
    policy = await tinyPolicy("tiny-gqa");
  });
  afterAll(() => policy.dispose());

  it("lowers the weighted loss, with the final norm as a target, and keeps the iterate with the lowest on validation", async () => {
    const fit = { ...tinyFit, epochs: 8, learningRate: 0.03, targetModules: ["q_proj", "up_proj", "norm"] };
    const reward = rewardNamed("log-likelihood");
    const job = tinyJob(policy, await tinyTask(false), {
      amortize: {
        reward,
        methods: [{ method: rwr, trainN: 16, own: { beta: 0.5 }, fit }],
        curveSamples: 2,
        command: "whetstone train rwr",
      },
    });
    const { metrics } = await runJob(newFolder(), job);
    const adapter = metrics.adapters["rwr"]!;
    const learned = adapter.epochs.map(({ trainLoss }) => trainLoss ?? Infinity);
    expect(learned.at(-1)!).toBeLessThan(0.8 * learned[1]!);
    expect(factOf(adapter, "effectiveResponses")).toBeLessThan(16);
    const losses = adapter.epochs.map(({ validationLoss }) => validationLoss);
    expect(losses[adapter.keptEpoch]).toBe(Math.min(...losses));
  });

  it("keeps by J_β where that is asked for, a method without β by the reward alone, and counts what judging draws", async () => {
    const fit = { ...tinyFit, epochs: 3, learningRate: 0.03, keep: "objective" as const };
    const methods = [
      { method: sft, trainN: 8, fit },
      { method: rwr, trainN: 16, own: { beta: 0.5 }, fit },
    ];
    const job = tinyJob(policy, await tinyTask(false), {
      amortize: { reward: rewardNamed("log-likelihood"), methods, curveSamples: 0, command: "whetstone" },
    });
    const { metrics } = await runJob(newFolder(), job);
    const compared = tinyJob(policy, await tinyTask(false), {
      amortize: { reward: rewardNamed("borda"), methods, curveSamples: 0, command: "whetstone" },
    });
    const relative = (await runJob(newFolder(), compared)).metrics.adapters;
    // What a reward compares with is drawn from the base: for sft besides its own, for rwr the very responses that it is judged by.
    expect(relative["sft"]!.validationCalls).toBe(2 * 8 + 2 * 8 + 4 * 2 * 8);
    expect(relative["rwr"]!.validationCalls).toBe(2 * 16 + 4 * 2 * 8);
    for (const [name, beta, judgedDraws] of [
      ["sft", 0, 2 * 8],
      ["rwr", 0.5, 2 * 16],
    ] as const) {
      const adapter = metrics.adapters[name]!;
      expect(adapter.keep).toBe("objective");
      expect(adapter.keptEpoch).toBe(keptEpoch(adapter.epochs, "objective"));
      expect(adapter.validationCalls).toBe(judgedDraws + 4 * 2 * 8);
      for (const { objective } of adapter.epochs)
        expect(objective!.value).toBeCloseTo(objective!.reward - beta * objective!.kl, 10);
      expect(adapter.epochs.map(({ objective }) => objective!.error !== undefined)).toEqual([
        false,
        true,
        true,
        true,
      ]);
    }
  });

  const roundsJob = async (more: Partial<FitOptions> = {}) =>
    tinyJob(policy, await tinyTask(false), {
      amortize: {
        reward: rewardNamed("self-certainty"),
        methods: [
          {
            method: rwr,
            trainN: 6,
            own: { beta: 0.3, rounds: 3 },
            fit: { ...tinyFit, keep: "last", ...more },
          },
        ],
        curveSamples: 0,
        command: "whetstone",
      },
    });

  it("deals its prompts out over rounds, draws each from the adapter as it is by then, and is rewarded by the base", async () => {
    const dir = newFolder();
    const { metrics } = await runJob(dir, await roundsJob());
    const adapter = metrics.adapters["rwr"]!;
    // Two epochs a round, on eight prompts in all.
    expect(adapter.epochs).toHaveLength(1 + 3 * 2);
    expect(adapter.modelCalls).toBe(8 * 6);
    const lines = (file: string) =>
      readFileSync(join(dir, file), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { promptId: string; index: number; logProbs: number[] });
    const learned = [2, 3].map((t) => lines(`adapters/rwr/round-${t}.jsonl`));
    const ids = learned.map((drawn) => [...new Set(drawn.map(({ promptId }) => promptId))]);
    expect(ids.map(({ length }) => length)).toEqual([3, 2]);
    expect(new Set(ids.flat()).size).toBe(5);
    for (const drawn of learned) expect(drawn.length % 6).toBe(0);
    const base = new Set(lines("training-responses.jsonl").map(({ promptId }) => promptId));
    for (const id of ids.flat()) expect(base.has(id)).toBe(false);
  });

  it("ends with the same files when it is stopped in a later round", async () => {
    const [whole, stopped] = [newFolder(), newFolder()];
    await runJob(whole, await roundsJob());
    const controller = new AbortController();
    const job = {
      ...(await roundsJob()),
      signal: controller.signal,
      onProgress: ({ stage, done }: { stage: string; done: number }) => {
        if (stage === "drawing for round 3" && done === 5) controller.abort();
      },
    };
    await expect(runJob(stopped, job)).rejects.toThrow(InterruptedError);
    await runJob(stopped, await roundsJob());
    expect(filesOf(stopped)).toEqual(filesOf(whole));
  });

  it("is what temperature begins at where that is asked for, with the draws of both counted", async () => {
    const fit = { ...tinyFit, keep: "last" as const };
    const reward = rewardNamed("log-likelihood");
    const methods = [
      { method: rwr, trainN: 4, own: { beta: 0.5 }, fit },
      { method: temperature, trainN: 4, own: { beta: 0.5 }, fit: { ...fit, start: "rwr" } },
    ];
    const amortize = { reward, methods, curveSamples: 0, command: "whetstone" };
    const job = tinyJob(policy, await tinyTask(false), { amortize });
    const dir = newFolder();
    const { metrics } = await runJob(dir, job);
    const { rwr: first, temperature: second } = metrics.adapters;
    expect(second).toMatchObject({ start: "rwr", modelCalls: 2 * first!.modelCalls! });
    const [before, after] = await Promise.all(
      ["rwr", "temperature"].map((name) => loadAdapter(join(dir, "adapters", name))),
    );
    expect([...after!.weights]).toEqual([...before!.weights]);
    expect(after!.replaced!.has(FINAL_NORM)).toBe(true);
    const alone = { ...amortize, methods: methods.slice(1) };
    await expect(runJob(newFolder(), { ...job, amortize: alone })).rejects.toThrow(
      /begin at the adapter rwr/,
    );
  });

  it("is followed by another temperature where it is another, trained with it or before it", async () => {
    const fit = { ...tinyFit, keep: "last" as const };
    const first = { method: rwr, trainN: 4, own: { beta: 0.5 }, fit };
    const second = { method: temperature, trainN: 4, own: { beta: 0.5 }, fit: { ...fit, start: "rwr" } };
    const task = await tinyTask(false);
    const notes: string[] = [];
    const train = async (dir: string, ...methods: readonly (typeof first)[]) => {
      notes.length = 0;
      const reward = rewardNamed("log-likelihood");
      const amortize = { reward, methods, curveSamples: 0, command: "whetstone" };
      const { metrics } = await runJob(
        dir,
        tinyJob(policy, task, { amortize, note: (text) => notes.push(text) }),
      );
      return Object.keys(metrics.adapters);
    };
    const weights = async (dir: string, name: string) => [
      ...(await loadAdapter(join(dir, "adapters", name))).weights,
    ];
    const [dir, fresh] = [newFolder(), newFolder()];
    expect(await train(dir, first, second)).toEqual(["rwr", "temperature"]);
    const before = await weights(dir, "temperature");
    expect(await train(dir, second)).toEqual(["rwr", "temperature"]);
    expect([notes, await weights(dir, "temperature")]).toEqual([[], before]);

    const other = { ...first, trainPrompts: 5 };
    await train(fresh, other, second);
    expect(await train(dir, other)).toEqual(["rwr"]);
    expect(notes).toEqual([
      expect.stringMatching(/^The rwr adapter learned from other prompts: .* another is trained\.$/),
      "The temperature adapter began at another rwr adapter: it is kept in set-aside.",
    ]);
    expect(existsSync(join(dir, "adapters", "temperature"))).toBe(false);
    expect(await train(dir, second)).toEqual(["rwr", "temperature"]);
    expect(await weights(dir, "temperature")).toEqual(await weights(fresh, "temperature"));
    expect(await weights(dir, "temperature")).not.toEqual(before);
  });
});
