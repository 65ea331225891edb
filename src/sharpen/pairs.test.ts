import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import { LocalPolicy } from "../policy/local-policy.js";
import { tinyAdapter, tinyModel } from "../transformer/tiny-models.test-helper.js";
import { Trainer } from "../transformer/train/trainer.js";
import { sftObjective, type Objective } from "./objectives/index.js";
import { dpoProblem, pairBatch, pairCount, type PairExample } from "./pairs.js";

/** What PyTorch computes (scripts/golden/objectives.py). */
interface Golden {
  readonly beta: number;
  readonly alpha: number;
  readonly prompts: readonly { readonly prompt: number[]; readonly responses: number[][] }[];
  readonly references: number[];
  readonly rewards: number[];
  readonly logProbs: number[];
  readonly objectives: Readonly<
    Record<
      string,
      { readonly loss: number; readonly byLogProb: number[]; readonly byMatrix: Record<string, number[][]> }
    >
  >;
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "testdata", "objectives.json"), "utf8"),
) as Golden;
const { beta, alpha, references, rewards, logProbs } = golden;
const pairs = golden.prompts.flatMap(({ prompt, responses }) =>
  responses.map((response) => ({ prompt, response })),
);
let at = 0;
const examples: PairExample[] = golden.prompts.map(({ responses }, i) => ({
  prompt: { id: `p${i}`, text: "" },
  responses: responses.map((tokens) => ({ tokens, reference: references[at]!, reward: rewards[at++]! })),
}));

const objectives: readonly (readonly [string, Objective])[] = [
  ["sft", sftObjective(pairs.length, pairs.flatMap(({ response }) => response).length)],
  ["dpo", pairBatch(examples, { beta, pairing: "all" }).objective],
  ["xpo", pairBatch(examples, { beta, alpha, pairing: "first" }).objective],
];

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe("pairs of responses", () => {
  it("are every two of a prompt's, or the first with each other", () => {
    expect([pairCount(2, "all"), pairCount(5, "all"), pairCount(5, "first")]).toEqual([1, 10, 4]);
    const all = pairBatch(examples, { beta, pairing: "all" });
    expect([all.sequences.length, all.size, all.objective.name]).toEqual([5, 3 + 1, "dpo"]);
    expect(all.sequences.map(({ prompt }) => prompt.id)).toEqual(["p0", "p0", "p0", "p1", "p1"]);
    const first = pairBatch(examples, { beta, alpha, pairing: "first" });
    expect([first.sequences.length, first.size, first.objective.name]).toEqual([5, 2 + 1, "xpo"]);
  });

  it("have no loss at π*_β ∝ π_base·exp(r/β), whatever the prompt's constant", () => {
    const { objective } = pairBatch(examples, { beta, pairing: "all" });
    const constants = [0, 0, 0, -7, -7];
    const optimum = references.map((value, i) => value + rewards[i]! / beta + constants[i]!);
    expect(objective.evaluate(optimum).loss).toBeLessThan(1e-24);
    expect(objective.evaluate(references).loss).toBeGreaterThan(0.1);
  });

  it("are refused where there are none, or β is not positive", () => {
    expect(() => dpoProblem([], [], { beta, epochs: 1 })).toThrow(UsageError);
    for (const wrong of [0, -1, NaN, Infinity])
      expect(() => dpoProblem(examples, [], { beta: wrong, epochs: 1 })).toThrow(/β must be positive/);
  });
});

describe.each(objectives)("%s", (name, objective) => {
  const expected = golden.objectives[name]!;

  it("has PyTorch's loss and gradient in the log-probabilities", () => {
    const { loss, gradient } = objective.evaluate(logProbs);
    expect(Math.abs(loss / expected.loss - 1)).toBeLessThan(1e-7);
    const scale = Math.max(...expected.byLogProb.map(Math.abs));
    expect(largestDifference(gradient, expected.byLogProb)).toBeLessThan(1e-7 * scale);
    if (objective.constantGradient) expect([...objective.constantGradient]).toEqual([...gradient]);
  });
});

describe("through a transformer", () => {
  let policy: LocalPolicy;
  let trainer: Trainer;
  let parameters: Float32Array[];
  const gradientsOf = async (objective: Objective): Promise<Float32Array[]> => {
    const { gradient } = objective.evaluate(await sequences());
    return (
      await trainer.gradients(
        pairs,
        Array.from(gradient, (value) => -value),
      )
    ).gradients;
  };
  const sequences = async (): Promise<number[]> =>
    (await trainer.logProbs(pairs)).map((row) => row.reduce((a, b) => a + b, 0));

  beforeAll(async () => {
    policy = LocalPolicy.of(await tinyModel("tiny-gqa"), { threads: 1 });
    const { engine, model } = policy.runtime;
    const adapter = await tinyAdapter();
    trainer = await Trainer.lora(engine, model.config, model.weights, adapter, { maxLength: 16 });
    parameters = trainer.names.map((name) => {
      const [module, matrix] = name.split(".lora_");
      const { a, b } = adapter.weights.get(module!)!;
      return matrix === "A" ? a : b;
    });
  });
  afterAll(async () => {
    await trainer.dispose();
    await policy.dispose();
  });

  it.each(objectives)("%s has PyTorch's gradient in the adapter's matrices", async (name, objective) => {
    expect(largestDifference(await sequences(), logProbs)).toBeLessThan(1e-3);
    const ours = await gradientsOf(objective);
    const { byMatrix } = golden.objectives[name]!;
    expect(Object.keys(byMatrix)).toHaveLength(6);
    for (const [matrix, rows] of Object.entries(byMatrix)) {
      const values = rows.flat();
      const scale = Math.max(...values.map(Math.abs));
      expect(scale).toBeGreaterThan(1e-3);
      expect(largestDifference(ours[trainer.names.indexOf(matrix)]!, values)).toBeLessThan(1e-3 * scale);
    }
  });

  it.each(objectives)(
    "%s agrees with a central difference along a random direction",
    async (_, objective) => {
      const stream = randomStream(9, "direction");
      const direction = parameters.map((values) => values.map(() => stream.normal()));
      const gradients = await gradientsOf(objective);
      const slope = gradients.reduce(
        (sum, values, i) => sum + values.reduce((inner, value, k) => inner + value * direction[i]![k]!, 0),
        0,
      );
      const before = parameters.map((values) => values.slice());
      const lossAt = async (h: number): Promise<number> => {
        parameters.forEach((values, i) =>
          values.forEach((_v, k) => (values[k] = before[i]![k]! + h * direction[i]![k]!)),
        );
        // A step of rate 0 changes nothing and takes the parameters as they now are to the engine.
        await trainer.step(
          pairs,
          pairs.map(() => 1),
          0,
        );
        return objective.evaluate(await sequences()).loss;
      };
      const h = 2e-3;
      const measured = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
      await lossAt(0);
      expect(Math.abs(measured / slope - 1)).toBeLessThan(0.02);
    },
  );
});
