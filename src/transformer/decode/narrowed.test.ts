import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomStream } from "../../core/random.js";
import { Engine, Graph } from "../../graph/index.js";
import { leastLog } from "./least-log.js";
import { narrowingInputs, type Narrowing } from "./narrowed.js";
import { samplingHead } from "./sampling-head.js";

let engine: Engine;
beforeAll(() => {
  engine = new Engine({ threads: 1 });
});
afterAll(() => engine.dispose());

/** The tokens drawn from one row of logits at many uniforms, and log π of each. */
async function drawn(
  logits: Float32Array,
  narrowing: Narrowing,
  temperature = 1,
): Promise<{ readonly tokens: number[]; readonly logProbs: number[] }> {
  const { topP, minP } = narrowing;
  const graph = new Graph();
  const head = samplingHead(
    graph.input("logits", "float32", ["n", logits.length]),
    graph.input("uniforms", "float32", ["n", 1]),
    graph.input("temperature", "float32", ["n", 1]),
    undefined,
    narrowingInputs(graph, { topP: topP !== undefined, minP: minP !== undefined }, ["n", 1], (row) => row),
  );
  graph.output("token", head.token);
  graph.output("logProb", head.logProb);
  const session = await engine.session(graph);
  const rows = 512;
  const column = (data: Float32Array) => ({ type: "float32", dims: [rows, 1], data }) as const;
  const all = new Float32Array(rows * logits.length);
  for (let row = 0; row < rows; row++) all.set(logits, row * logits.length);
  const { token, logProb } = await session.run({
    logits: { type: "float32", dims: [rows, logits.length], data: all },
    uniforms: column(Float32Array.from({ length: rows }, (_, i) => (i + 0.5) / rows)),
    temperature: column(new Float32Array(rows).fill(temperature)),
    ...(topP !== undefined && {
      topP: column(new Float32Array(rows).fill(topP)),
      leastLog: column(new Float32Array(rows).fill(leastLog(topP, logits.length))),
    }),
    ...(minP !== undefined && { minP: column(new Float32Array(rows).fill(minP)) }),
  });
  return { tokens: [...(token!.data as Int32Array)], logProbs: [...(logProb!.data as Float32Array)] };
}

/** The same by sorting. */
function allowed(logits: Float32Array, { topP = 1, minP = 0 }: Narrowing, temperature: number): Set<number> {
  const top = Math.max(...logits);
  const weights = [...logits].map((value) => Math.exp((value - top) / temperature));
  const total = weights.reduce((a, b) => a + b);
  const order = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]!);
  let sum = 0;
  const nucleus = new Set<number>();
  for (const token of order) {
    if (sum >= topP * total) break;
    nucleus.add(token);
    sum += weights[token]!;
  }
  return new Set([...nucleus].filter((token) => weights[token]! >= minP));
}

const normals = (size: number, seed: number, deviation: number): Float32Array => {
  const stream = randomStream(seed, "logits");
  return Float32Array.from({ length: size }, () => deviation * stream.normal());
};

describe.each([
  [{ topP: 0.9 }, 1],
  [{ topP: 0.5 }, 0.7],
  [{ topP: 0.999 }, 1],
  [{ topP: 1e-6 }, 1],
  [{ minP: 0.1 }, 1],
  [{ minP: 0.05 }, 2],
  [{ topP: 0.8, minP: 0.2 }, 1],
  // As of a row beside rows that have limits.
  [{ topP: 1, minP: 0 }, 1],
] as const)("tokens drawn with %j at temperature %d", (narrowing, temperature) => {
  it.each([
    [30, 2],
    [700, 3],
  ])("are those of the sorted distribution, of %d tokens, in their proportions", async (size, deviation) => {
    const logits = normals(size, 5, deviation);
    const { tokens, logProbs } = await drawn(logits, narrowing, temperature);
    const expected = allowed(logits, narrowing, temperature);
    expect([...new Set(tokens)].filter((token) => !expected.has(token))).toEqual([]);
    const weight = (token: number): number => Math.exp(logits[token]! / temperature);
    const total = [...expected].reduce((sum, token) => sum + weight(token), 0);
    for (const token of expected) {
      const share = tokens.filter((one) => one === token).length / tokens.length;
      // Uniforms are equally spaced: a share is off by less than two of them.
      expect(Math.abs(share - weight(token) / total)).toBeLessThan(2 / tokens.length);
    }
    // What is said of a token is the whole distribution's, at temperature 1.
    const top = Math.max(...logits);
    const logTotal = Math.log([...logits].reduce((sum, value) => sum + Math.exp(value - top), 0)) + top;
    tokens.forEach((token, i) => {
      expect(Math.abs(logProbs[i]! - (logits[token]! - logTotal))).toBeLessThan(1e-4);
    });
  });
});
