import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tabularPolicy } from "../../policy/tabular.js";
import type { Prompt } from "../../policy/policy.js";
import { rewardNamed } from "../../reward/registry.js";
import { newFolder, startJob, tinyFit, tinyJob, tinyTask } from "../tiny-job.test-helper.js";
import { promptsOf } from "../tiny-policies.test-helper.js";
import type { Method, MethodPlan } from "./method.js";
import { nobody } from "./no-trainer.test-helper.js";
import { powerSft } from "./power-sft.js";
import { unselected } from "./unselected.js";

const TABLE = [0.1, 0.3, 0.6];
const N = 150;

async function planned(method: Method, own = {}, folder = newFolder()): Promise<MethodPlan> {
  const [train, judged] = promptsOf(2) as [Prompt, Prompt];
  const policy = tabularPolicy({ [train.id]: TABLE, [judged.id]: TABLE });
  const job = tinyJob(policy, await tinyTask(false));
  const run = await startJob(folder, job);
  try {
    return await method.plan({
      ...job,
      method,
      policy,
      trainers: nobody,
      run,
      split: { test: [], train: [train], validation: [judged] },
      reward: rewardNamed("log-likelihood"),
      settings: { trainN: N, own, fit: tinyFit },
    });
  } finally {
    await run.close();
  }
}

/** How often each response of the table is an example. */
async function sharesOf(plan: MethodPlan): Promise<number[]> {
  const { sequences } = await plan.fitTo(async (problem) =>
    problem.batch(await problem.examples(1, undefined as never)),
  );
  expect(sequences).toHaveLength(N);
  return TABLE.map((_, y) => sequences.filter(({ tokens }) => tokens[0] === y).length / N);
}

describe("what is learned", () => {
  it.each([
    ["the base itself", unselected, {}, 1],
    ["π^2", powerSft, { power: 2 }, 2],
    ["π^4, unless another power is given", powerSft, {}, 4],
  ] as const)("are draws of %s", async (_, method, own, power) => {
    const mass = TABLE.map((p) => p ** power);
    const total = mass.reduce((a, b) => a + b, 0);
    const shares = await sharesOf(await planned(method, own));
    // Four standard errors.
    mass.forEach((value, y) => {
      const p = value / total;
      expect(Math.abs(shares[y]! - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / N) + 1 / N);
    });
  });

  it("is in the run's own file, and drawn once", async () => {
    const folder = newFolder();
    const first = await planned(powerSft, {}, folder);
    const file = join(folder, "power-draws.jsonl");
    expect(existsSync(file)).toBe(true);
    const lines = readFileSync(file, "utf8").trim().split("\n");
    expect(lines).toHaveLength(2 * N);
    expect(first.facts).toMatchObject({ modelCalls: N, validationCalls: N, power: 4 });
  });

  it("is refused for a reward that π^α does not follow", () => {
    const settings = { trainN: 1, fit: tinyFit };
    expect(() => powerSft.check!(settings, rewardNamed("majority"))).toThrow(/majority is another reward/);
    expect(() => powerSft.check!(settings, rewardNamed("log-likelihood"))).not.toThrow();
  });
});
