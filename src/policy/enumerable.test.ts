import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { logSoftmax, type DifferentiablePolicy } from "./differentiable.js";
import { autoregressiveConditionals, linearSoftmaxClass, parameterFingerprint } from "./linear-softmax.js";
import type { Response } from "./policy.js";
import { enumerateResponses, sequentialPolicy } from "./sequential.js";
import { tabularClass, tabularPolicy } from "./tabular.js";

const prompt = { id: "x", text: "x" };
const requests = (count: number) => Array.from({ length: count }, (_, index) => ({ prompt, index }));

async function collect(responses: AsyncIterable<Response>): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of responses) all.push(response);
  return all;
}

/** Tokens 0 and 1 with an end token 2; the chance of ending grows with the length. */
const withEnd = {
  name: "ends",
  fingerprint: "ends",
  endToken: 2,
  next: (_: string, prefix: readonly number[]) =>
    Float64Array.from(
      [0.5, 0.3, 0.2 + prefix.length].map((p) => p / (1 + prefix.length)),
      Math.log,
    ),
};

describe("tabularPolicy", () => {
  it("scores, decodes greedily and samples at a temperature with the stated frequencies", async () => {
    const policy = tabularPolicy({ x: [0.2, 0.5, 0.3] });
    const [scores] = await policy.logProb([{ prompt, tokens: [2] }]);
    expect(scores![0]).toBeCloseTo(Math.log(0.3), 14);
    const [greedy] = await collect(policy.greedy([prompt], { maxTokens: 5 }));
    expect(greedy).toMatchObject({ tokens: [1], index: -1, finish: "stop" });
    const drawn = await collect(policy.sample(requests(20000), { temperature: 0.5, maxTokens: 5, seed: 3 }));
    const squared = [0.04, 0.25, 0.09].map((p) => p / 0.38);
    for (const y of [0, 1, 2]) {
      const share = drawn.filter((response) => response.tokens[0] === y).length / drawn.length;
      expect(Math.abs(share - squared[y]!)).toBeLessThan(0.015);
    }
    expect(drawn[0]!.logProbs[0]).toBe(Math.log([0.2, 0.5, 0.3][drawn[0]!.tokens[0]!]!));
  });

  it("refuses a row that is no distribution, an unknown prompt, and use after dispose", async () => {
    expect(() => tabularPolicy({ x: [0.2, 0.2] })).toThrow(/not a distribution/);
    const policy = tabularPolicy({ x: [1] });
    await expect(policy.logProb([{ prompt: { id: "z", text: "" }, tokens: [0] }])).rejects.toThrow(
      /no prompt z/,
    );
    await expect(policy.logProb([{ prompt, tokens: [1] }])).rejects.toThrow(/does not exist/);
    await policy.dispose();
    await expect(policy.logProb([])).rejects.toThrow(/dispose/);
  });
});

describe("sequentialPolicy", () => {
  it("enumerates responses of variable length whose probabilities sum to 1", () => {
    const all = enumerateResponses(withEnd, "x", 4);
    expect(all.reduce((sum, { logProb }) => sum + Math.exp(logProb), 0)).toBeCloseTo(1, 12);
    expect(all.find(({ tokens }) => tokens.join() === "0,2")!.logProb).toBeCloseTo(Math.log(0.5 * 0.6), 12);
  });

  it("samples each response as often as its probability says, whatever the batching, and reports its log-probability", async () => {
    const policy = sequentialPolicy(withEnd);
    const options = { temperature: 1, maxTokens: 4, seed: 11 };
    const drawn = await collect(policy.sample(requests(20000), options));
    const counts = new Map<string, number>();
    for (const { tokens } of drawn) counts.set(tokens.join(), (counts.get(tokens.join()) ?? 0) + 1);
    for (const { tokens, logProb } of enumerateResponses(withEnd, "x", 4)) {
      const p = Math.exp(logProb);
      const share = (counts.get(tokens.join()) ?? 0) / drawn.length;
      expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / drawn.length) + 1e-4);
    }
    const [again] = await collect(policy.sample([{ prompt, index: 77 }], options));
    expect(again).toEqual(drawn[77]);
    const scored = await policy.logProb([{ prompt, tokens: again!.tokens }]);
    expect([...scored[0]!]).toEqual([...again!.logProbs]);
    expect(drawn.every(({ tokens, finish }) => (finish === "stop") === (tokens.at(-1) === 2))).toBe(true);
  });

  it("searches beams as they are defined, and finds the mode where nothing is left out", async () => {
    // The likeliest first token leads to no likely response.
    const trap = {
      ...withEnd,
      next: (_: string, prefix: readonly number[]) =>
        Float64Array.from(
          prefix.length === 0 ? [0.5, 0.4, 0.1] : prefix[0] === 0 ? [0.35, 0.3, 0.35] : [0.04, 0.06, 0.9],
          Math.log,
        ),
    };
    const all = enumerateResponses(trap, "x", 4);
    const key = (tokens: readonly number[]): string => tokens.join();
    /** log of all the probability that begins so: of a whole response its own. */
    const massOf = (tokens: readonly number[]): number =>
      Math.log(
        all
          .filter((one) => key(one.tokens.slice(0, tokens.length)) === key(tokens))
          .reduce((sum, { logProb }) => sum + Math.exp(logProb), 0),
      );
    const isWhole = (tokens: readonly number[]): boolean =>
      all.some((one) => key(one.tokens) === key(tokens));
    const policy = sequentialPolicy(trap);
    const found = async (width: number) =>
      (await collect(policy.beam!([prompt], { width, maxTokens: 4 })))[0]!;
    for (const width of [1, 2, 3, 100]) {
      let beam: number[][] = [[]];
      while (!beam.every(isWhole)) {
        const longer = beam.flatMap((tokens) =>
          isWhole(tokens) ? [tokens] : [0, 1, 2].map((token) => [...tokens, token]),
        );
        beam = longer.sort((a, b) => massOf(b) - massOf(a)).slice(0, width);
      }
      const { tokens, logProbs } = await found(width);
      expect(logProbs.reduce((sum, value) => sum + value, 0)).toBeCloseTo(massOf(beam[0]!), 12);
      expect(massOf(tokens)).toBeCloseTo(massOf(beam[0]!), 12);
    }
    const [mode] = [...all].sort((a, b) => b.logProb - a.logProb);
    expect(mode!.tokens).toEqual([1, 2]);
    expect((await found(100)).tokens).toEqual([1, 2]);
    expect((await found(1)).tokens[0]).toBe(0);
  });

  it("drops what the abandon rule names and stops on an aborted signal", async () => {
    const policy = sequentialPolicy(withEnd);
    const kept = await collect(
      policy.sample(requests(500), {
        temperature: 1,
        maxTokens: 4,
        seed: 1,
        abandon: ({ length }) => length >= 2,
      }),
    );
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.every(({ tokens }) => tokens.length <= 2)).toBe(true);
    const aborted = policy.sample(requests(1), {
      temperature: 1,
      maxTokens: 4,
      seed: 1,
      signal: AbortSignal.abort(),
    });
    await expect(collect(aborted)).rejects.toThrow(/interrupted/);
  });
});

describe("autoregressive linear softmax", () => {
  it("multiplies its conditionals, each a softmax of ⟨φ, θ⟩", () => {
    const theta = [Float64Array.of(0.7), Float64Array.of(-0.4)];
    const model = {
      vocabulary: 2,
      horizon: 2,
      theta,
      features: (_: number, prefix: readonly number[], token: number) =>
        [[0, token * (1 + (prefix[0] ?? 0))]] as const,
    };
    const all = enumerateResponses(autoregressiveConditionals(model), "x", 9);
    const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
    expect(Math.exp(all.find(({ tokens }) => tokens.join() === "1,1")!.logProb)).toBeCloseTo(
      sigmoid(0.7) * sigmoid(-0.8),
      12,
    );
    expect(all).toHaveLength(4);
    expect(parameterFingerprint("f", theta)).not.toBe(parameterFingerprint("f", [theta[1]!, theta[0]!]));
  });
});

describe("gradients of log π", () => {
  const stream = randomStream(5, "gradients");
  const features = [0, 1].map(() => Float64Array.from({ length: 4 * 3 }, () => stream.normal()));
  const classes: [string, DifferentiablePolicy][] = [
    ["tabular", tabularClass(2, 4)],
    ["linear softmax", linearSoftmaxClass(features, 3)],
  ];
  it.each(classes)("%s agrees with central differences", (_, policy) => {
    const theta = Float64Array.from({ length: policy.size }, () => stream.normal());
    const coefficients = Float64Array.from({ length: 4 }, () => stream.normal());
    const value = (at: Float64Array) =>
      policy.logProbs(at, 1).reduce((sum, v, y) => sum + v * coefficients[y]!, 0);
    const gradient = new Float64Array(policy.size);
    policy.addGradient(theta, 1, coefficients, gradient);
    for (let k = 0; k < policy.size; k++) {
      const up = theta.slice();
      const down = theta.slice();
      up[k]! += 1e-5;
      down[k]! -= 1e-5;
      expect(gradient[k]).toBeCloseTo((value(up) - value(down)) / 2e-5, 8);
    }
  });

  it("refuses a feature table that is not whole", () => {
    expect(() => linearSoftmaxClass([new Float64Array(5)], 3)).toThrow(/rows of 3/);
    expect([...logSoftmax(Float64Array.of(1000, 1000))]).toEqual([-Math.LN2, -Math.LN2]);
  });
});
