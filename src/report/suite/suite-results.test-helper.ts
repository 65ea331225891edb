import { syntheticRun } from "../synthetic-run.test-helper.js";
import type { AmortizedResult, InferenceResult } from "../../reproduce/result.js";
import type { Metrics } from "../../evaluate/metrics.js";

const HEADER = {
  command: "npx whetstone reproduce inference --models a,b --tasks game24,other",
  whetstone: "0.1.0",
  models: ["a", "b"],
  tasks: ["game24", "other"],
  prompts: 12,
  n: 50,
  seeds: 2,
  temperature: 1,
};

const metrics = (): Metrics => syntheticRun({ prompts: 12, methods: ["sft"] }).metrics;
const verdict = {
  direction: "down",
  sentence: "Hurts: it does.",
  reasons: ["Short answers are preferred."],
} as const;

/** Two models on two tasks; b on other is blank, and the markup in its reason is hostile. */
export function inferenceResult(): InferenceResult {
  const failures = [{ seed: 0, sentence: "No <script>alert(1)</script> model." }];
  return {
    ...HEADER,
    kind: "inference",
    cells: HEADER.models.flatMap((model) =>
      HEADER.tasks.map((task) =>
        model === "b" && task === "other"
          ? { model, task, seeds: [], failures }
          : { model, task, seeds: [0, 1], failures: [], metrics: metrics(), verdict },
      ),
    ),
  };
}

/** One model on one task with two N, the smaller one blank. */
export function amortizedResult(): AmortizedResult {
  const { adapters, greedy, base, prompts } = metrics();
  const adapter = {
    ...adapters["sft"]!,
    lift: { value: 12.34, low: 1.5, high: 20.25 },
    logLikelihoodLift: { value: 3.21, low: 2.5, high: 4.75 },
  };
  const settings = {
    source: "paper App. A.3",
    epochs: 3,
    batchSize: 4,
    learningRate: 3e-4,
    schedule: "linear",
    clipNorm: 0.1,
    weightDecay: 0.5,
    rank: 16,
  };
  const cell = { model: "a", task: "game24", settings, failures: [] };
  return {
    ...HEADER,
    kind: "amortized",
    models: ["a"],
    tasks: ["game24"],
    trainNs: [10, 50],
    cells: [
      { ...cell, trainN: 10, seeds: [], failures: [{ seed: 0, trainN: 10, sentence: "Stopped." }] },
      {
        ...cell,
        trainN: 50,
        seeds: [0, 1],
        metrics: {
          prompts,
          labelledPrompts: prompts,
          greedy,
          base,
          adapter,
          epochs: [adapter.epochs, adapter.epochs],
          keptEpochs: [1, 1],
          trainingPrompts: 100,
          findings: ["Found."],
          verdict,
        },
      },
    ],
  };
}
