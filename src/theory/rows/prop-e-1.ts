import { randomStream } from "../../core/random.js";
import { enumerateResponses, type Conditionals } from "../../policy/sequential.js";
import { maxCutModel, maximumCuts, oddConnectedGraphs, randomOddGraph, type Graph } from "../max-cut.js";
import { byEffort, compare, rowResult, type Row, type RowOptions, type RowResult } from "../row.js";

/** The model's most likely responses (ties to 1e-9) and their log-probability. */
function argmaxResponses(
  model: Conditionals,
  horizon: number,
): { tokens: (readonly number[])[]; logProb: number } {
  const all = enumerateResponses(model, "x", horizon);
  const logProb = all.reduce((best, response) => Math.max(best, response.logProb), -Infinity);
  return { tokens: all.filter((r) => r.logProb >= logProb - 1e-9).map((r) => r.tokens), logProb };
}

function greedyResponse(model: Conditionals): number[] {
  const tokens: number[] = [];
  for (let row = model.next("x", tokens); row !== undefined; row = model.next("x", tokens)) {
    tokens.push(row[1]! > row[0]! ? 1 : 0);
  }
  return tokens;
}

interface Outcome {
  readonly graph: Graph;
  readonly cut: number;
  /** Edges cut by the model's (first) answer. */
  readonly answered: number;
  /** Argmax responses that are not (a maximum cut, 1, 1). */
  readonly wrongForward: number;
  /** Maximum cuts whose response is not an argmax. */
  readonly wrongBackward: number;
  /** |max-cut read off the largest log-probability − max-cut|. */
  readonly readError: number;
}

function reduce(graph: Graph, mutation: string | undefined): Outcome {
  const horizon = graph.vertices + 2;
  const scale = graph.vertices <= 6 ? 1 : 1 / 4;
  const model = maxCutModel(graph, { flipped: mutation === "flipped", free: mutation === "free" }, scale);
  const top = argmaxResponses(model, horizon);
  const answers = mutation === "greedy" ? [greedyResponse(model)] : top.tokens;
  const { value, sides } = maximumCuts(graph);
  const mask = (tokens: readonly number[]): number =>
    tokens.slice(0, graph.vertices).reduce((bits, token, i) => bits | (token << i), 0);
  const ended = (tokens: readonly number[]): boolean =>
    tokens[horizon - 2] === 1 && tokens[horizon - 1] === 1;
  const found = new Set(answers.filter(ended).map(mask));
  const first = answers[0]!;
  // log π = −(H−2)·log 2 − log(1+e^{−2sS}) − log(1+e^{−4B}) at y_{H−1} = y_H = 1; S = 2·cut − |E|, s the scale.
  const last = -(top.logProb + graph.vertices * Math.LN2 + Math.log1p(Math.exp(-4 * horizon)));
  const read = (graph.edges.length - Math.log(Math.expm1(last)) / (2 * scale)) / 2;
  return {
    graph,
    cut: value,
    answered: graph.edges.filter(([i, j]) => first[i] !== first[j]).length,
    wrongForward: answers.filter((tokens) => !ended(tokens) || !sides.has(mask(tokens))).length,
    wrongBackward: [...sides].filter((side) => !found.has(side)).length,
    readError: Math.abs(read - value),
  };
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "prop-e.1");
  const largest = byEffort(effort, { test: 5, fast: 6, thorough: 6 });
  const small = Array.from({ length: largest - 1 }, (_, i) =>
    oddConnectedGraphs(i + 2, effort === "thorough"),
  ).flat();
  const sizes = byEffort(effort, {
    test: [7, 8],
    fast: [7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    thorough: Array.from({ length: 60 }, (_, i) => 7 + (i % 10)),
  });
  const random = sizes.map((n) => randomOddGraph(n, 0.25 + 0.5 * stream.next(), stream));
  const outcomes = [...small, ...random].map((graph) => reduce(graph, mutation));
  const total = (pick: (outcome: Outcome) => number): number => outcomes.reduce((sum, o) => sum + pick(o), 0);
  const forward = total((o) => o.wrongForward);
  const backward = total((o) => o.wrongBackward);
  const read = Math.max(...outcomes.map(({ readError }) => readError));
  const cuts = outcomes.map(({ cut }) => cut);
  return rowResult({
    instances: outcomes.length,
    checks: [
      compare(
        "argmax responses that are not (a maximum cut, 1, 1)",
        forward,
        "<=",
        0,
        "B = H, J = −adjacency",
      ),
      compare("maximum cuts that are no argmax response", backward, "<=", 0, "B = H, J = −adjacency"),
      compare("max-cut read off the largest log-probability, error", read, "<=", 1e-6, "S = 2·cut − |E|"),
    ],
    fits: [],
    figure: {
      title: "The cut in the model's most likely response",
      x: { label: "maximum cut (brute force)" },
      y: { label: "edges cut by the answer" },
      series: [
        {
          name: "argmax response",
          kind: "measured",
          points: outcomes.map(({ cut, answered }) => ({ x: cut, y: answered })),
        },
        {
          name: "equal",
          kind: "bound",
          points: [Math.min(...cuts), Math.max(...cuts)].map((x) => ({ x, y: x })),
        },
      ],
      caption: `${small.length} connected graphs with an odd number of edges on 2–${largest} vertices, ${random.length} random ones to ${Math.max(...sizes)}.`,
    },
    summary: `${outcomes.length} graphs: ${forward} wrong answers, ${backward} maximum cuts missed`,
    notes: [
      effort === "thorough"
        ? "Every labelled graph up to 6 vertices."
        : "One graph of each isomorphism class up to 6 vertices; the thorough run takes every labelled graph.",
      "Beyond 6 vertices J = −adjacency/4: any positive multiple has the same argmax, and at J = −adjacency float64 cannot tell large cuts apart.",
    ],
  });
}

/** Proposition E.1. */
export const propE1: Row = {
  id: "prop-e.1",
  title: "Proposition E.1",
  statement:
    "The sequence-level argmax of an autoregressive linear softmax model is NP-hard: the reduction's argmax is a max-cut.",
  source: ["Proposition E.1"],
  file: "src/theory/rows/prop-e-1.ts",
  family: "connected graphs with an odd number of edges: all up to 6 vertices, random ones to 16",
  limits: "the reduction is checked, not NP-hardness itself, and on small graphs",
  mutations: [
    { id: "flipped", description: "J = +adjacency" },
    { id: "free", description: "B = 0" },
    { id: "greedy", description: "greedy decoding in place of the sequence-level argmax" },
  ],
  run,
};
