import { expect, it } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import { rewardNamed } from "../reward/registry.js";
import { methods } from "../sharpen/methods/registry.js";
import { presetFor, presetOf } from "../sharpen/presets.js";
import { newFolder, runJob, tinyJob } from "../sharpen/tiny-job.test-helper.js";
import { game24 } from "../task/game24/game24.js";
import { terminalTable } from "./terminal-table.js";

// Figures as they are printed: their last bits differ between processors. Where this fails, every run that anyone has made would
// come out otherwise with the same seed: that needs a reason, and a line in CHANGELOG.md.
const EXPECTED = `TABLE`;

it("the embedded model's small run has the figures that it always had", { timeout: 120_000 }, async () => {
  const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
  const task = game24({});
  const few = { test: 8, train: 12, validation: 4 };
  const job = tinyJob(policy, { ...task, prompts: (of) => task.prompts(of).slice(0, few[of]) });
  const preset = presetFor("game24", "game24");
  const trained = Object.values(methods).map((method) => {
    const { trainN: _, trainPrompts: __, own, ...fit } = presetOf(preset, method)!;
    return { method, trainN: 4, ...(own && { own }), fit: { ...fit, epochs: 1, batchSize: 4, seed: 1 } };
  });
  try {
    const { metrics } = await runJob(newFolder(), {
      ...job,
      n: 4,
      ns: [1, 2, 4],
      adaptiveDelta: undefined,
      amortize: { ...job.amortize!, reward: rewardNamed("log-likelihood"), methods: trained },
    });
    expect(terminalTable(metrics)).toBe(EXPECTED);
  } finally {
    await policy.dispose();
  }
});
