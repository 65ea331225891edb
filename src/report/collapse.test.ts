import { expect, it } from "vitest";
import { dpo } from "../sharpen/methods/dpo.js";
import { sft } from "../sharpen/methods/sft.js";
import { xpo } from "../sharpen/methods/xpo.js";
import { collapseSigns, collapses } from "../evaluate/collapse.js";
import { adapterFindings, baseKept } from "../evaluate/findings-adapter.js";
import type { Estimate } from "../evaluate/metrics.js";
import { repetition } from "../evaluate/repetition.js";
import { terminalTable } from "./terminal-table.js";
import { rewardNamed } from "../reward/registry.js";
import { newFolder, runJob, tinyFit, tinyJob, tinyTask } from "../sharpen/tiny-job.test-helper.js";
import { tinyPolicy } from "../sharpen/tiny-policies.test-helper.js";

it("names a collapse that training on one's own likelihood provokes: the likeliest of 300 is a short one", async () => {
  const policy = await tinyPolicy("tiny-gqa");
  const base = tinyJob(policy, await tinyTask(true));
  const fit = {
    ...tinyFit,
    learningRate: 0.03,
    schedule: "constant" as const,
    rank: 8,
    targetModules: ["q_proj", "o_proj", "down_proj"],
  };
  const { metrics } = await runJob(newFolder(), {
    ...base,
    maxTokens: 24,
    rewards: [rewardNamed("log-likelihood")],
    adaptiveDelta: undefined,
    amortize: { ...base.amortize!, methods: [{ method: sft, trainN: 300, fit }], curveSamples: 8 },
  });
  await policy.dispose();
  const { epochs, keptEpoch, length } = metrics.adapters["sft"]!;
  expect(epochs[0]!.length!.value).toBeGreaterThan(18);
  expect(epochs[keptEpoch]!.length!.value).toBeLessThan(10);
  expect(epochs[keptEpoch]!.entropy!.value).toBeLessThan(epochs[0]!.entropy!.value / 2);
  expect(length.value).toBeLessThan(10);
  const named = /^The sft adapter has collapsed: it answers in \d\.\d tokens where the base takes \d\d\.\d/;
  expect(metrics.findings.filter((finding) => named.test(finding))).toHaveLength(1);
  expect(terminalTable(metrics)).toMatch(/^! The sft adapter has collapsed: it answers in \d\.\d tokens/m);
});

const about = (value: number, spread: number): Estimate => ({
  value,
  low: value - spread,
  high: value + spread,
});
const sound = {
  length: about(20, 1),
  repetition: about(0.05, 0.02),
  entropy: about(8, 1),
  coverage: about(0.8, 0.1),
};

it.each<[string, Partial<typeof sound>, RegExp | undefined]>([
  ["nothing", {}, undefined],
  ["short responses", { length: about(9, 1) }, /answers in 9\.0 tokens where the base takes 20\.0/],
  ["endless responses", { length: about(41, 1) }, /answers in 41\.0 tokens/],
  ["somewhat short ones", { length: about(11, 1) }, undefined],
  ["short ones, perhaps", { length: about(9, 12) }, undefined],
  ["circles", { repetition: about(0.4, 0.05) }, /repeats itself, with 40\.0 % .*\(the base: 5\.0 %\)/],
  [
    "one response a prompt",
    { entropy: about(0.2, 0.1) },
    /one thing to each prompt, with an entropy of 0\.20 nats/,
  ],
  ["a sharpened policy", { entropy: about(2, 0.5) }, undefined],
  ["lost coverage", { coverage: about(0.3, 0.1) }, /its coverage at 4 is 30\.0 % where the base has 80\.0 %/],
])("sees %s", (_, change, sign) => {
  const signs = collapseSigns(sound, { ...sound, ...change, samples: 4 });
  expect(signs).toHaveLength(sign ? 1 : 0);
  if (sign) expect(signs[0]).toMatch(sign);
});

it("says of a collapse in training from when on, and that the iterate kept is from before it", () => {
  const epochs = [{}, {}, { length: about(3, 1) }, { length: about(2, 1) }].map((change, epoch) => ({
    epoch,
    validationLoss: epoch === 1 ? 0 : 1,
    ...sound,
    ...change,
  }));
  const answers = { logLikelihood: about(-5, 1), length: about(19, 1) };
  const adapter = {
    ...answers,
    epochs,
    keptEpoch: 1,
    greedyLogLikelihood: about(-4, 1),
    logLikelihoodGain: about(1, 0.5),
    trainingPrompts: 1,
    trainingSamples: 2,
  };
  expect(collapses(xpo, adapter, answers)).toEqual([
    "Training xpo collapsed in round 2, its model collapse step: it answers in 3.0 tokens where the base takes 20.0. The adapter is that of round 1, which shows no sign of it.",
  ]);
  expect(collapses(xpo, { ...adapter, epochs: epochs.slice(0, 2) }, answers)).toEqual([]);
  const late = epochs.map((epoch) => ({ ...epoch, validationLoss: epoch.epoch === 0 ? 0 : 1 }));
  expect(collapses(sft, { ...adapter, epochs: late, keptEpoch: 0 }, answers)).toEqual([
    "Training sft collapsed in epoch 2, its model collapse step: it answers in 3.0 tokens where the base takes 20.0. The adapter is the untouched base.",
  ]);
  // Without a curve the adapter's own responses tell.
  const short = { ...adapter, epochs: [], length: about(4, 1) };
  expect(collapses(dpo, short, answers)[0]).toMatch(
    /^The dpo adapter has collapsed: it answers in 4\.0 tokens/,
  );
});

it("says that the adapter is the base where no iterate was better, instead of what it changed", () => {
  const answers = { logLikelihood: about(-5, 1), length: about(19, 1) };
  const adapter = {
    ...answers,
    greedyLogLikelihood: about(-4, 1),
    logLikelihoodGain: about(0, 0),
    trainingPrompts: 1,
    trainingSamples: 2,
    epochs: [1.25, 1.31, 1.26, 1.4].map((validationLoss, epoch) => ({ epoch, validationLoss })),
    keptEpoch: 0,
  };
  const advice =
    "so the adapter is the base, unchanged. More training prompts, more responses to each or a lower learning rate may do better; or keep the last";
  const text = `No epoch of sft was better than the base on the validation prompts (a loss of 1.260 at best, the base 1.250), ${advice} epoch, whatever its loss.`;
  expect(baseKept(sft, adapter)).toEqual([text]);
  const ground = {
    prompts: 20,
    labelledPrompts: 20,
    base: answers,
    greedy: answers,
    bestOfN: {},
    adapters: {},
  };
  expect(adapterFindings(sft, adapter, ground)).toEqual([text]);
  const judged = adapter.epochs.map((epoch) => ({
    ...epoch,
    objective: { value: -epoch.validationLoss, reward: 0, kl: 0 },
  }));
  expect(baseKept(xpo, { ...adapter, epochs: judged })).toEqual([
    `No round of xpo was better than the base on the validation prompts (J_β −1.260 at best, the base −1.250), ${advice} round, whatever its loss.`,
  ]);
  for (const other of [{ keptEpoch: 2 }, { epochs: adapter.epochs.slice(0, 1) }, { epochs: [] }])
    expect(baseKept(sft, { ...adapter, ...other })).toEqual([]);
});

it.each([
  [[], 0],
  [[1, 2, 3], 0],
  [[1, 1, 1, 1], 0.5],
  [[1, 2, 1, 2, 1, 2, 1, 2], 4 / 6],
  [[1, 2, 3, 4, 5], 0],
])("counts the trigrams of %j that were said before", (tokens, share) => {
  expect(repetition(tokens)).toBeCloseTo(share, 14);
});
