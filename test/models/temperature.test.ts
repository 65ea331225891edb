import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { localTrainers } from "../../src/policy/local-trainer.js";
import type { Prompt } from "../../src/policy/policy.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { FINAL_NORM } from "../../src/transformer/families/modules.js";
import type { LoraAdapter } from "../../src/transformer/format/peft.js";
import { fitAdapter, type FitOptions, type FitResult } from "../../src/sharpen/fit-adapter.js";
import { dpoProblem, type PairExample } from "../../src/sharpen/pairs.js";
import { newFolder, startJob, tinyJob, tinyTask } from "../../src/sharpen/tiny-job.test-helper.js";
import { promptsOf, tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import { temperature } from "../../src/sharpen/methods/temperature.js";

// Names of linears are given and rank 2: neither may matter.
const FIT: FitOptions = {
  epochs: 150,
  batchSize: 4,
  learningRate: 1e-3,
  clipNorm: Infinity,
  rank: 2,
  targetModules: ["q_proj"],
  keep: "last",
  seed: 3,
};

let policy: LocalPolicy;
beforeAll(async () => {
  policy = await tinyPolicy("tiny-gqa");
});
afterAll(() => policy.dispose());

/** By how much the adapter multiplies the final norm: one number for all of its elements. */
function multiple({ adapter }: FitResult<LoraAdapter>): number {
  expect(adapter!.weights.size).toBe(0);
  expect([...adapter!.replaced!.keys()]).toEqual([FINAL_NORM]);
  const base = policy.runtime.model.weights.get(FINAL_NORM)!.data;
  const ratios = Array.from(adapter!.replaced!.get(FINAL_NORM)!.data, (value, i) => value / base[i]!);
  for (const ratio of ratios) expect(ratio).toBeCloseTo(ratios[0]!, 4);
  return ratios[0]!;
}

/** log π_base of single tokens after a prompt. */
async function logProbsOf(prompt: Prompt, tokens: readonly number[], by = policy): Promise<number[]> {
  const scores = await by.score(tokens.map((token) => ({ prompt, tokens: [token] })));
  return scores.map(({ logProbs }) => logProbs[0]!);
}

describe("the one number", () => {
  it("is the optimum of the objective where responses are single tokens: least squares in closed form", async () => {
    const beta = 0.7;
    const tokens = Array.from({ length: 12 }, (_, i) => 3 + 2 * i);
    const examples: PairExample[] = [];
    let [top, bottom] = [0, 0];
    for (const [p, prompt] of promptsOf(4).entries()) {
      const references = await logProbsOf(prompt, tokens);
      const responses = tokens.map((token, i) => ({
        tokens: [token],
        reference: references[i]!,
        reward: 1.5 * references[i]! + Math.sin(3 * token + p),
      }));
      examples.push({ prompt, responses });
      // (log π_c(y) − log π_c(y′)) − (log π(y) − log π(y′)) = (c − 1)(ℓ − ℓ′).
      for (const y of responses)
        for (const other of responses) {
          top += (y.reward - other.reward) * (y.reference - other.reference);
          bottom += beta * (y.reference - other.reference) ** 2;
        }
    }
    const problem = dpoProblem(examples, examples, { beta, epochs: FIT.epochs! });
    const result = await fitAdapter(localTrainers(policy), { ...problem, targets: ["temperature"] }, FIT);
    expect(multiple(result)).toBeCloseTo(1 + top / bottom, 2);
    // The adapter is the base at that inverse temperature.
    const adapted = await policy.withAdapter(result.adapter!, "hot");
    const [before, after] = [examples[0]!, await logProbsOf(examples[0]!.prompt, tokens, adapted)];
    const gap = before.responses[1]!.reference - before.responses[0]!.reference;
    expect(after[1]! - after[0]!).toBeCloseTo(multiple(result) * gap, 3);
    await adapted.dispose();
  });

  it("is 1 + 1/β by the log-likelihood, as the method plans it, whatever was drawn", async () => {
    const [train, judged] = [promptsOf(6), promptsOf(8).slice(6)];
    const job = tinyJob(policy, await tinyTask(false), { maxTokens: 1 });
    const run = await startJob(newFolder(), job);
    const trainers = localTrainers(policy);
    try {
      const plan = await temperature.plan({
        ...job,
        method: temperature,
        policy,
        trainers,
        run,
        split: { test: [], train, validation: judged },
        reward: rewardNamed("log-likelihood"),
        settings: { trainN: 6, own: { beta: 0.5 }, fit: FIT },
      });
      const { adapter } = await plan.fitTo((problem) => fitAdapter(trainers, problem, FIT));
      expect(multiple({ adapter } as FitResult<LoraAdapter>)).toBeCloseTo(3, 2);
    } finally {
      await run.close();
    }
  });

  it("multiplies the norm of an adapter that it begins at, whose other parts stay as they are", async () => {
    const trainers = localTrainers(policy);
    const folder = newFolder();
    const shape = { rank: 3, alpha: 5, clipNorm: Infinity, weightDecay: 0, seed: 1 };
    const first = await trainers.start({ ...shape, targetModules: ["v_proj", "norm"] });
    const sequences = [{ prompt: promptsOf(1)[0]!, tokens: [5, 9, 11] }];
    for (let i = 0; i < 3; i++) {
      await first.forwardBackward(sequences, [[1, 1, 1]]);
      await first.optimStep(0.05);
    }
    await first.exportAdapter(folder);
    const begun = await first.adapter();
    const next = await trainers.start({ ...shape, rank: 2, targetModules: ["temperature"], from: folder });
    for (let i = 0; i < 4; i++) {
      await next.forwardBackward(sequences, [[1, 1, 1]]);
      await next.optimStep(1e-3);
    }
    const own = await next.adapter();
    const pair = (adapter: LoraAdapter) =>
      [...adapter.weights].map(([name, { a, b }]) => [name, [...a], [...b]]);
    expect(pair(own)).toEqual(pair(begun));
    expect([own.rank, own.alpha, own.targetModules]).toEqual([3, 5, ["v_proj"]]);
    const [before, after] = [begun, own].map(({ replaced }) => replaced!.get(FINAL_NORM)!.data);
    const ratios = Array.from(after!, (value, i) => value / before![i]!);
    expect(ratios[0]).toBeGreaterThan(1.05);
    for (const ratio of ratios) expect(ratio).toBeCloseTo(ratios[0]!, 5);
    await Promise.all([first.dispose(), next.dispose()]);
  });

  it("is one parameter", () => {
    expect(localTrainers(policy).parameters({ rank: 16, targetModules: ["temperature"] })).toBe(1);
  });
});
