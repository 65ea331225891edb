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

                                            accuracy    greedy accuracy        log-likelihood
greedy                             37.5 [12.5, 75.0]  37.5 [12.5, 75.0]  -2.99 [-3.45, -2.58]
one sample, temperature 1           21.9 [9.4, 34.4]                  -  -5.04 [-5.79, -4.46]
SFT adapter, one sample             18.8 [9.4, 31.3]   12.5 [0.0, 37.5]  -6.13 [-7.04, -5.26]
  gain over one sample              -3.1 [-9.4, 0.0]                     -1.10 [-2.11, -0.28]
DPO adapter, one sample             21.9 [9.4, 34.4]  37.5 [12.5, 75.0]  -5.82 [-6.67, -5.16]
  gain over one sample              0.0 [-9.4, +9.4]                     -0.78 [-1.29, -0.37]
XPO adapter, one sample             15.6 [6.3, 28.1]   12.5 [0.0, 37.5]  -6.01 [-6.40, -5.64]
  gain over one sample             -6.3 [-15.6, 0.0]                     -0.97 [-1.52, -0.41]
Adaptive SFT adapter, one sample    15.6 [6.3, 28.1]   12.5 [0.0, 37.5]  -5.08 [-5.96, -4.25]
  gain over one sample            -6.3 [-21.9, +6.3]                     -0.04 [-0.76, +0.70]

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
1   21.9 [9.4, 34.4]   21.9 [9.4, 34.4]  21.9 [9.4, 34.4]   21.9 [9.4, 34.4]   21.9 [9.4, 34.4]
2  35.4 [12.5, 60.4]  35.4 [12.5, 60.4]  21.9 [9.4, 34.4]  37.5 [16.6, 60.4]  39.6 [16.7, 62.5]
4  50.0 [12.5, 87.5]  50.0 [12.5, 87.5]  34.4 [9.4, 62.6]  50.0 [12.5, 87.5]  62.5 [25.0, 87.5]
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
