import { randomStream, type RandomStream } from "../../core/random.js";
import { randomSequenceRow, tokenGreedy } from "../instance.js";
import { nearArgmax } from "../quantities.js";
import {
  byEffort,
  compare,
  rowResult,
  type Figure,
  type Row,
  type RowOptions,
  type RowResult,
} from "../row.js";

/** A joint distribution over V^H, with the mass of its most likely response. */
interface Sequences {
  readonly row: Float64Array;
  readonly vocabulary: number;
  readonly top: number;
}

/** V and H of the random policies. */
const shapes = [
  [2, 3],
  [3, 3],
  [4, 2],
  [2, 6],
] as const;

/** A random autoregressive policy mixed with a point mass so that one random response has mass `top`. */
function boosted(top: number, stream: RandomStream): Sequences {
  const [vocabulary, horizon] = shapes[stream.integer(shapes.length)]!;
  const { row } = randomSequenceRow(vocabulary, horizon, 1 + 3 * stream.next(), stream);
  const star = stream.integer(row.length);
  const rest = 1 - row[star]!;
  return { row: row.map((p, y) => (y === star ? top : (p * (1 - top)) / rest)), vocabulary, top };
}

/**
 * The tight family, H = 2 and V = {0..3}: the first token is 1 with mass `top`, always followed by 1, or 0 with mass
 * 1 − top, followed by anything. The argmax is (1, 1), and greedy starts with 0 as soon as top ≤ 1/2.
 */
function tight(top: number): Sequences {
  const row = new Float64Array(16);
  for (let second = 0; second < 4; second++) row[second] = (1 - top) / 4;
  row[5] = top;
  return { row, vocabulary: 4, top };
}

type Decoder = (sequences: Sequences, stream: RandomStream) => number;

/** Greedy except that the first token is drawn. */
const sampledFirst: Decoder = ({ row, vocabulary }, stream) => {
  const size = row.length / vocabulary;
  let left = stream.next();
  let token = 0;
  for (; token < vocabulary - 1; token++) {
    for (let y = 0; y < size; y++) left -= row[token * size + y]!;
    if (left < 0) break;
  }
  return token * size + tokenGreedy(row.subarray(token * size, (token + 1) * size), vocabulary);
};

const decoders: Readonly<Record<string, Decoder>> = {
  none: ({ row, vocabulary }) => tokenGreedy(row, vocabulary),
  "sampled-token": sampledFirst,
};

type Fails = (sequences: Sequences) => boolean;

/** How often decoding is wrong on random policies: by the mass of their likeliest response, and above the threshold. */
function measureRandom(count: number, threshold: number, fails: Fails, stream: RandomStream) {
  const bins = Array.from({ length: 20 }, () => ({ wrong: 0, total: 0 }));
  let wrongAbove = 0;
  for (let i = 0; i < count; i++) {
    const sequences = boosted(0.02 + 0.98 * stream.next(), stream);
    const unique = nearArgmax(sequences.row).length === 1;
    const top = Math.max(...sequences.row);
    const wrong = fails(sequences);
    const bin = bins[Math.min(19, Math.floor(top * 20))]!;
    bin.total++;
    if (wrong) bin.wrong++;
    if (wrong && unique && top > threshold) wrongAbove++;
  }
  return { bins, wrongAbove };
}

function figure(
  bins: ReturnType<typeof measureRandom>["bins"],
  family: readonly Sequences[],
  fails: Fails,
): Figure {
  return {
    title: "Greedy decoding against the mass of the most likely response",
    x: { label: "π(y*)" },
    y: { label: "share where greedy ≠ argmax" },
    series: [
      {
        name: "random policies",
        kind: "measured",
        points: bins.flatMap(({ wrong, total }, i) =>
          total > 0 ? [{ x: (i + 0.5) / 20, y: wrong / total }] : [],
        ),
      },
      {
        name: "tight family",
        kind: "reference",
        points: family.map((sequences) => ({ x: sequences.top, y: fails(sequences) ? 1 : 0 })),
      },
      {
        name: "threshold 1/2",
        kind: "bound",
        points: [0, 1].map((y) => ({ x: 0.5, y })),
      },
    ],
    caption: "Right of 1/2 greedy never errs; the tight family errs everywhere left of it.",
  };
}

function run({ effort, seed, mutation = "none" }: RowOptions): RowResult {
  const count = byEffort(effort, { test: 1500, fast: 20000, thorough: 400000 });
  const stream = randomStream(seed, "prop-3.1");
  const decode = decoders[mutation] ?? decoders["none"]!;
  const threshold = mutation === "threshold" ? 0.45 : 0.5;
  const fails: Fails = (sequences) => !nearArgmax(sequences.row).includes(decode(sequences, stream));
  const { bins, wrongAbove } = measureRandom(count, threshold, fails, stream);
  const family = Array.from({ length: 99 }, (_, i) => tight(0.3 + 0.005 * i)).filter(({ top }) => top < 1);
  const above = family.filter(({ top }) => top > threshold + 1e-9 && fails(tight(top))).length;
  const below = family.filter(({ top }) => top <= 0.5 + 1e-9);
  const belowWrong = below.filter((sequences) => fails(sequences)).length;
  const exactHalf = fails(tight(0.5)) ? 1 : 0;
  return rowResult({
    instances: count + family.length,
    checks: [
      compare(
        `random policies with a unique y* of mass > ${threshold}: greedy wrong`,
        wrongAbove,
        "<=",
        0,
        "0",
      ),
      compare(`tight family above ${threshold}: greedy wrong`, above, "<=", 0, "0"),
      compare("tight family at exactly 1/2: greedy wrong (1 = yes)", exactHalf, ">=", 1, "1"),
      compare("tight family below 1/2: share wrong", belowWrong / below.length, ">=", 1, "1"),
    ],
    fits: [],
    figure: figure(bins, family, fails),
    summary: `greedy wrong on ${wrongAbove} random policies above 1/2; on the tight family wrong on all of ${below.length} at or below 1/2`,
    notes: [
      "Ties of token masses go to the lowest token; the tight family at exactly 1/2 rests on that rule.",
    ],
  });
}

/** Proposition 3.1. */
export const prop31: Row = {
  id: "prop-3.1",
  title: "Proposition 3.1",
  statement:
    "If π(y*|x) > 1/2 and y* is unique, greedy decoding returns y*; the constant 1/2 cannot be lowered.",
  source: ["Proposition 3.1"],
  file: "src/theory/rows/prop-3-1.ts",
  family: "random autoregressive policies over V^H mixed with a point mass; and a two-branch family, H = 2",
  limits: "nothing is lost: every probability is exact, though the random policies are a sample",
  mutations: [
    { id: "sampled-token", description: "greedy decoding draws its first token" },
    { id: "threshold", description: "the statement with 0.45 in place of 1/2" },
  ],
  run,
};
