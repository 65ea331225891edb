import { expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { modelFolder } from "../../src/policy/model-folder.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { methodNamed } from "../../src/sharpen/methods/registry.js";
import { presetFor, presetOf } from "../../src/sharpen/presets.js";
import { newFolder, runJob, tinyJob } from "../../src/sharpen/tiny-job.test-helper.js";
import { game24 } from "../../src/task/game24/game24.js";
import { terminalTable } from "../../src/report/terminal-table.js";

// Figures as they are printed: their last bits differ between processors. Where this fails, every run that anyone has made would
// come out otherwise with the same seed: that needs a reason, and a line in CHANGELOG.md.
const EXPECTED = `game24, 8 prompts, model game24, N = 4, temperature 1
Accuracy in %, log-likelihood under the base in nats; in brackets 95 % intervals.

                                             accuracy   greedy accuracy        log-likelihood
greedy                               37.5 [8.5, 75.5]  37.5 [8.5, 75.5]  -2.99 [-3.67, -2.32]
one sample, temperature 1            21.9 [2.3, 41.5]                 -  -5.04 [-6.14, -3.93]
SFT adapter, one sample              18.8 [1.0, 36.5]  12.5 [0.3, 52.7]  -6.13 [-7.46, -4.80]
  gain over one sample             -3.1 [-13.2, +7.0]                    -1.10 [-2.56, +0.36]
DPO adapter, one sample              21.9 [2.3, 41.5]  37.5 [8.5, 75.5]  -5.82 [-7.09, -4.55]
  gain over one sample             0.0 [-13.7, +13.7]                    -0.78 [-1.54, -0.03]
XPO adapter, one sample              15.6 [0.0, 34.6]  12.5 [0.3, 52.7]  -6.01 [-6.57, -5.44]
  gain over one sample             -6.3 [-18.2, +5.1]                    -0.97 [-1.83, -0.11]
Adaptive SFT adapter, one sample     15.6 [0.0, 34.6]  12.5 [0.3, 52.7]  -5.08 [-6.34, -3.82]
  gain over one sample            -6.3 [-29.4, +16.9]                    -0.04 [-1.11, +1.02]

                                  model calls
greedy
one sample, temperature 1
SFT adapter, one sample                    48
  gain over one sample
DPO adapter, one sample                    48
  gain over one sample
XPO adapter, one sample                    48
  gain over one sample
Adaptive SFT adapter, one sample          188
  gain over one sample

! For adaptive-sft the stopping rule asked for 15.3 responses per training prompt, and hit its cap
of 16 on 9 of 12 prompts before it fired: there the paper's guarantee does not hold.

Best-of-N, accuracy, by self-reward; coverage is the ceiling
N     log-likelihood  length-normalized          majority     self-certainty           coverage
1   21.9 [2.3, 41.5]   21.9 [2.3, 41.5]  21.9 [2.3, 41.5]   21.9 [2.3, 41.5]   21.9 [2.3, 41.5]
2   35.4 [1.6, 69.2]   35.4 [1.6, 69.2]  21.9 [2.3, 41.5]   37.5 [4.6, 70.4]   39.6 [6.8, 72.4]
4  50.0 [15.7, 84.3]  50.0 [15.7, 84.3]  34.4 [0.0, 78.1]  50.0 [15.7, 84.3]  62.5 [24.5, 91.5]

What training could give: accuracy of one sample of base·exp(reward/β), by importance weights
β, spread    log-likelihood  length-normalized          majority    self-certainty
× 4        25.7 [1.5, 49.9]   26.1 [1.4, 50.8]  26.0 [0.0, 52.5]  25.0 [2.6, 47.5]
× 2        29.0 [0.7, 57.3]   29.6 [0.5, 58.8]  29.4 [0.0, 62.7]  27.8 [2.6, 53.1]
× 1        33.8 [0.0, 67.8]   34.6 [0.0, 69.5]  32.9 [0.0, 73.6]  32.5 [2.2, 62.8]
× 1/2      38.4 [0.0, 77.5]   39.0 [0.0, 78.7]  34.3 [0.0, 77.8]  38.2 [1.0, 75.4]
× 1/4      41.7 [0.0, 83.7]   42.2 [0.0, 84.6]  34.4 [0.0, 78.1]  42.4 [0.0, 85.3]
× 1/8      45.5 [1.0, 90.0]   46.2 [0.3, 91.0]  34.4 [0.0, 78.1]  44.0 [0.0, 88.9]
× 1/16     49.1 [0.0, 99.9]  49.4 [0.0, 100.0]  34.4 [0.0, 78.1]  44.5 [0.0, 89.6]

What training on a reward could give: weighed from the base's draws, one sample of π·exp(r/β) is
right on 38.4 % by log-likelihood (β = 1), 39.0 % by length-normalized (β = 0.05), 34.4 % by
majority (β = 0.00562), 38.2 % by self-certainty (β = 0.2), each β picked after looking; one sample
of the base is right on 21.9 %.

One sample of the sft adapter, 1.08 nats (KL) from the base, is right on 18.8 %; the base tilted as
far is right on 48.1 % by log-likelihood, 48.0 % by length-normalized, 34.4 % by majority, 44.3 % by
self-certainty. The difference is what training misses.

One sample of the dpo adapter, 0.29 nats (KL) from the base, is right on 21.9 %; the base tilted as
far is right on 34.3 % by log-likelihood, 34.4 % by length-normalized, 34.4 % by majority, 36.4 % by
self-certainty. The difference is what training misses.

One sample of the xpo adapter, 0.75 nats (KL) from the base, is right on 15.6 %; the base tilted as
far is right on 41.6 % by log-likelihood, 41.7 % by length-normalized, 34.4 % by majority, 43.0 % by
self-certainty. The difference is what training misses.

One sample of the adaptive-sft adapter, 0.36 nats (KL) from the base, is right on 15.6 %; the base
tilted as far is right on 35.6 % by log-likelihood, 35.7 % by length-normalized, 34.4 % by majority,
38.4 % by self-certainty. The difference is what training misses.
`;

it("the embedded model's small run has the figures that it always had", { timeout: 120_000 }, async () => {
  const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
  const task = game24({});
  const few = { test: 8, train: 12, validation: 4 };
  const job = tinyJob(policy, { ...task, prompts: (of) => task.prompts(of).slice(0, few[of]) });
  const preset = presetFor("game24", "game24");
  const trained = ["sft", "dpo", "xpo", "adaptive-sft"].map((name) => {
    const method = methodNamed(name);
    const { trainN: _, trainPrompts: __, own, ...fit } = presetOf(preset, method)!;
    return {
      method,
      trainN: name === "adaptive-sft" ? 16 : 4,
      ...(own && { own }),
      fit: { ...fit, epochs: 1, batchSize: 4, learningRate: 2e-3, keep: "last" as const, seed: 1 },
    };
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
