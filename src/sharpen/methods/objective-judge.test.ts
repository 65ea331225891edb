import { describe, expect, it } from "vitest";
import { UsageError } from "../../core/errors.js";
import type { JudgedObjective } from "../../evaluate/metrics.js";
import type { Policy } from "../../policy/policy.js";
import { tabularPolicy } from "../../policy/tabular.js";
import { tabularTrainers } from "../../policy/tabular-trainer.test-helper.js";
import type { Trainer } from "../../policy/trainer.js";
import { rewardNamed } from "../../reward/registry.js";
import type { Iterate } from "../fit-problem.js";
import { keptEpoch } from "../kept-epoch.js";
import { newFolder, startJob, tinyFit, tinyJob, tinyTask } from "../tiny-job.test-helper.js";
import { promptsOf } from "../tiny-policies.test-helper.js";
import { objectiveJudge } from "./objective-judge.js";
import { checkMethod } from "./registry.js";
import { rwr } from "./rwr.js";
import { sft } from "./sft.js";

const PROMPTS = promptsOf(150);
/** A prompt's three responses; the likelier the first prompts', the sharper. */
const rowOf = (i: number): number[] => [0.1 + 0.002 * i, 0.3, 0.6 - 0.002 * i];
const BASE = Object.fromEntries(PROMPTS.map(({ id }, i) => [id, rowOf(i)]));
const BETA = 0.4;

/** π_base^power, normalized, by prompt. */
const powered = (power: number): Record<string, readonly number[]> =>
  Object.fromEntries(
    Object.entries(BASE).map(([id, row]) => {
      const raised = row.map((p) => p ** power);
      const total = raised.reduce((a, b) => a + b, 0);
      return [id, raised.map((p) => p / total)] as const;
    }),
  );

/** A training whose policy is a table. */
const standing = (table: Record<string, readonly number[]>): Trainer =>
  ({ policy: (name: string) => Promise.resolve(tabularPolicy(table, name)) }) as Trainer;

async function judged(table: Record<string, readonly number[]>, first?: Trainer): Promise<JudgedObjective> {
  const policy: Policy = tabularPolicy(BASE);
  const job = tinyJob(policy, await tinyTask(false));
  const run = await startJob(newFolder(), job);
  try {
    const context = {
      ...job,
      method: rwr,
      policy,
      trainers: tabularTrainers(BASE),
      run,
      split: { test: [], train: [], validation: PROMPTS },
      reward: rewardNamed("log-likelihood"),
      settings: { trainN: 4, own: { beta: BETA }, fit: tinyFit },
    };
    const judge = await objectiveJudge(context, { beta: BETA, comparedN: 4, against: "base" });
    expect(judge.calls).toBe(8 * PROMPTS.length);
    if (first) expect((await judge.judge(first, 0)).error).toBeUndefined();
    return await judge.judge(standing(table), 1);
  } finally {
    await run.close();
  }
}

/** By prompt, r − β·KL over the eight draws that anyone makes of the table with the job's seed. */
async function byHand(table: Record<string, readonly number[]>): Promise<number[]> {
  const requests = PROMPTS.flatMap((prompt) => Array.from({ length: 8 }, (_, index) => ({ prompt, index })));
  const sums = new Map<string, number>(PROMPTS.map(({ id }) => [id, 0]));
  const options = { temperature: 1, maxTokens: 5, seed: 3 };
  for await (const { promptId, tokens } of tabularPolicy(table).sample(requests, options)) {
    const [own, base] = [table[promptId]![tokens[0]!]!, BASE[promptId]![tokens[0]!]!].map(Math.log);
    sums.set(promptId, sums.get(promptId)! + (base! - BETA * (own! - base!)) / 8);
  }
  return [...sums.values()];
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe("J_β of an iterate", () => {
  it("is E[r] − β·KL over its own draws, and near its closed form", async () => {
    const table = powered(1 + 1 / BETA);
    const { value, reward, kl } = await judged(table);
    expect(value).toBeCloseTo(mean(await byHand(table)), 10);
    expect(value).toBeCloseTo(reward - BETA * kl, 12);
    // The maximum of J_β, which this table has: β·log Σ π_base^(1 + 1/β), by prompt.
    const exact = Object.values(BASE).map(
      (row) => BETA * Math.log(row.reduce((sum, p) => sum + p ** (1 + 1 / BETA), 0)),
    );
    expect(value).toBeCloseTo(mean(exact), 1);
  });

  it("comes with the paired standard error of its gain, the same whether the base was judged before or is drawn now", async () => {
    const table = powered(2);
    const [own, base] = [await byHand(table), await byHand(BASE)];
    const gains = own.map((value, i) => value - base[i]!);
    const squares = gains.reduce((sum, gain) => sum + (gain - mean(gains)) ** 2, 0);
    const alone = await judged(table);
    expect(alone.error).toBeCloseTo(Math.sqrt(squares / (gains.length * (gains.length - 1))), 10);
    expect(alone).toEqual(await judged(table, standing(BASE)));
    // Equal randomness: the error is below that of two unpaired means.
    const spread = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / values.length ** 2;
    expect(alone.error!).toBeLessThan(Math.sqrt(spread(own) + spread(base)));
  });

  it("tells a policy that says one thing to each prompt", async () => {
    expect((await judged(powered(2))).collapsed).toBeUndefined();
    expect((await judged(powered(40))).collapsed).toBe(true);
  });
});

describe("the iterate that is kept by J_β", () => {
  const iterate = (epoch: number, value: number, more: Partial<JudgedObjective> = {}): Iterate => ({
    epoch,
    // The validation loss would keep the base.
    validationLoss: epoch,
    objective: { value, reward: value, kl: 0, ...(epoch > 0 && { error: 0.1 }), ...more },
  });
  const kept = (...epochs: readonly Iterate[]): number => keptEpoch(epochs, "objective");

  it("is the highest", () => {
    expect(kept(iterate(0, -5), iterate(1, -4), iterate(2, -3), iterate(3, -3.5))).toBe(2);
    expect(keptEpoch([iterate(0, -5), iterate(1, -4)])).toBe(0);
  });

  it("is the base where no gain is above its standard error, and never one that collapsed", () => {
    expect(kept(iterate(0, -5), iterate(1, -4.95))).toBe(0);
    expect(kept(iterate(0, -5), iterate(1, -4.95, { error: 0.04 }))).toBe(1);
    expect(kept(iterate(0, -5), iterate(1, -4), iterate(2, -3, { collapsed: true }))).toBe(1);
    expect(kept(iterate(0, -5))).toBe(0);
  });

  it("is not to be had for a reward whose scores are a random choice, before anything is drawn", () => {
    const settings = { trainN: 4, fit: { ...tinyFit, keep: "objective" as const } };
    const random = { ...rewardNamed("log-likelihood"), randomized: true as const };
    expect(() => checkMethod(sft, settings, random)).toThrow(UsageError);
    expect(() => checkMethod(sft, { trainN: 4, fit: tinyFit }, random)).not.toThrow();
  });
});
