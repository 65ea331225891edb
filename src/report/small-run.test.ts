import { expect, it } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import { rewardNamed } from "../reward/registry.js";
import { methodNamed } from "../sharpen/methods/registry.js";
import { presetFor, presetOf } from "../sharpen/presets.js";
import { newFolder, runJob, tinyJob } from "../sharpen/tiny-job.test-helper.js";
import { game24 } from "../task/game24/game24.js";
import { terminalTable } from "./terminal-table.js";

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
