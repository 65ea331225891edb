import { randomStream } from "../../core/random.js";
import { hardFamily, hardInstance, randomRow, randomSecret } from "../instance.js";
import { nearArgmax } from "../quantities.js";
import { byEffort, compare, rowResult, type Row, type RowOptions, type RowResult } from "../row.js";
import { ratioResult, type RatioCell } from "./ratio-row.js";

/** The learner's least chance to be wrong at x_i after k draws there, exactly. */
function leastError(choices: number, draws: number): number {
  // Not found: every draw is one of the M−1 others, evenly. distinct[c]: the chance that c of them were seen.
  let distinct = new Float64Array(choices);
  distinct[0] = 1;
  for (let k = 0; k < draws; k++) {
    const next = new Float64Array(choices);
    distinct.forEach((mass, seen) => {
      if (mass === 0) return;
      next[seen]! += (mass * seen) / (choices - 1);
      if (seen + 1 < choices) next[seen + 1]! += (mass * (choices - 1 - seen)) / (choices - 1);
    });
    distinct = next;
  }
  const wrong = distinct.reduce((sum, mass, seen) => sum + mass * (1 - 1 / (choices - seen)), 0);
  return (1 - 2 / choices) ** draws * wrong;
}

function runArgmax({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "lemma-h.1");
  const count = byEffort(effort, { test: 60, fast: 600, thorough: 6000 });
  const gamma = mutation === "gamma" ? 0.75 : 0.5;
  const wrong = Array.from({ length: count }, () => {
    const family = { ...hardFamily(1 + stream.integer(6), 1 / 32, 2), choices: 3 + stream.integer(60) };
    const secret = randomSecret(family, stream);
    const rows = hardInstance(family, secret).base;
    const expected = [0, ...secret];
    const own = rows.filter((row, x) => nearArgmax(row, gamma).join() !== String(expected[x])).length;
    return { choices: family.choices, wrong: own };
  });
  const all = wrong.reduce((sum, { wrong: own }) => sum + own, 0);
  return rowResult({
    instances: count,
    checks: [
      compare("prompts where y*_{1/2} is not the one response of the construction", all, "<=", 0, "γ = 1/2"),
    ],
    fits: [],
    figure: {
      title: "The near-argmax of the hard family",
      x: { label: "M" },
      y: { label: "prompts with another y*_γ" },
      series: [
        {
          name: "instances",
          kind: "measured",
          points: wrong.map(({ choices, wrong: y }) => ({ x: choices, y })),
        },
      ],
      caption: "Random members of the hard family, d up to 6.",
    },
    summary: `${all} prompts of ${count} instances have another near-argmax than the construction's`,
    notes: ["The paper writes I ∈ [d]^M here; [M]^d is meant."],
  });
}

/** Lemma H.1. */
export const lemmaH1: Row = {
  id: "lemma-h.1",
  title: "Lemma H.1",
  statement: "On the hard family, γ = 1/2: y*_γ(x_i) = {y_{j_i}} and y*_γ(x_0) = {y_0}.",
  source: ["Lemma H.1", "Theorem 3.1′"],
  file: "src/theory/rows/hard-lemmas.ts",
  family: "random members of the hard family, M from 3 to 62, d up to 6",
  limits: "nothing is lost: the sets are exact",
  mutations: [{ id: "gamma", description: "γ = 3/4 in place of 1/2" }],
  run: runArgmax,
};

function runReduction({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "lemma-h.2");
  const count = byEffort(effort, { test: 300, fast: 3000, thorough: 30000 });
  const threshold = mutation === "quarter" ? 0.25 : 0.5;
  const cells = Array.from({ length: count }, (): RatioCell => {
    const family = { ...hardFamily(8, 1 / 64, 2), choices: 3 + stream.integer(8) };
    const secret = randomSecret(family, stream);
    let unsharp = 0;
    let wrong = 0;
    for (const answer of secret) {
      const row = randomRow(family.choices + 1, 1 + 6 * stream.next(), stream);
      if (stream.next() < 0.5) [row[answer], row[1]] = [row[1]!, row[answer]!];
      if (row[answer]! <= threshold) unsharp += family.hardMass / family.hardPrompts;
      if (row.indexOf(Math.max(...row)) !== answer) wrong += 1 / family.hardPrompts;
    }
    // ε is the failure of this policy; where it never fails, none of its answers may be wrong.
    return {
      x: unsharp / family.hardMass,
      measured: wrong,
      bound: Math.max(unsharp / family.hardMass, 1e-12),
      most: 1,
    };
  });
  return ratioResult({
    claim: "(share of wrong answers ĵ_i) / (ε/Δ)",
    constants: "constant 1, ε = P[π̂(y*_γ) ≤ 1/2]",
    cells,
    title: "Sharpening implies classification",
    axis: { label: "ε/Δ" },
    caption: "Random policies on random members of the hard family, d = 8.",
    found: "of ε/Δ",
  });
}

/** Lemma H.2. */
export const lemmaH2: Row = {
  id: "lemma-h.2",
  title: "Lemma H.2",
  statement:
    "If E P_x[π̂(y*_γ) > 1/2] ≥ 1−ε on the hard family, then ĵ_i = argmax_j π̂(y_j|x_i) is wrong on at most ε/Δ of the prompts on average.",
  source: ["Lemma H.2", "Theorem 3.1′"],
  file: "src/theory/rows/hard-lemmas.ts",
  family: "random policies on random members of the hard family, d = 8, M from 3 to 10",
  limits: "nothing is lost: it holds policy by policy, and so in expectation",
  mutations: [{ id: "quarter", description: "1/4 in place of 1/2 as the mass that counts as sharp" }],
  run: runReduction,
};

/** c of Lemma H.3: (1 − 3/M)^{2cM} ≥ 1/2 for every M ≥ 8. */
const lowerShare = Math.LN2 / (-2 * 8 * Math.log(1 - 3 / 8));

function runFixedLemma({ effort, mutation }: RowOptions): RowResult {
  const sizes = byEffort(effort, {
    test: [8, 16, 32],
    fast: [8, 16, 32, 64],
    thorough: [8, 16, 32, 64, 128],
  });
  const points = sizes.flatMap((choices) =>
    [1, 2, 4].map((scale) => {
      // m = c·dM/Δ, so that Binomial(m, Δ/d) prompts are x_i; d and Δ enter by Δ/d alone.
      const share = 1 / (64 * scale);
      const m = Math.floor(((mutation === "more" ? 40 : 1) * lowerShare * choices) / share);
      let error = 0;
      let mass = (1 - share) ** m;
      for (let k = 0; k <= Math.min(m, 12 * choices); k++) {
        error += mass * (mutation === "leak" ? 0 : leastError(choices, k));
        mass *= ((m - k) / (k + 1)) * (share / (1 - share));
      }
      return { x: choices, y: error };
    }),
  );
  const least = Math.min(...points.map(({ y }) => y));
  return rowResult({
    instances: points.length,
    checks: [
      compare(
        "chance that the best learner is wrong at x_i, least",
        least,
        ">=",
        1 / 8,
        `m = c·dM/Δ, c = ${lowerShare.toFixed(3)}`,
        0,
      ),
    ],
    fits: [],
    figure: {
      title: "Too few responses leave x_i unknown",
      x: { label: "M", log: true },
      y: { label: "least chance to be wrong" },
      series: [
        { name: "best learner, m = c·dM/Δ", kind: "measured", points },
        { name: "1/8", kind: "bound", points: sizes.map((x) => ({ x, y: 1 / 8 })) },
      ],
      caption: "Exact, over the number of draws that fall on x_i and over what they show.",
    },
    summary: `with m = c·dM/Δ the best learner is wrong at x_i with probability ${least.toFixed(3)} at least`,
    notes: ["The proof asks for (1−3/M)^{m_i} ≥ 1/4, and needs 1/2 for its 1/8; c is made for 1/2."],
  });
}

/** Lemma H.3. */
export const lemmaH3: Row = {
  id: "lemma-h.3",
  title: "Lemma H.3",
  statement:
    "For M ≥ 8 and m ≤ c·dM/Δ, c = 0.092, a sample-and-evaluate learner is wrong at each x_i with probability ≥ 1/8.",
  source: ["Lemma H.3", "Theorem 3.1′"],
  file: "src/theory/rows/hard-lemmas.ts",
  family: "the hard family with M from 8 to 64 (thorough: 128), Δ/d from 1/256 to 1/64, N = 1",
  limits: "nothing is lost for N = 1: the best learner's error is exact",
  mutations: [
    { id: "more", description: "forty times as many responses" },
    { id: "leak", description: "the learner is told I" },
  ],
  run: runFixedLemma,
};

function runAdaptiveLemma({ effort, mutation }: RowOptions): RowResult {
  const sizes = byEffort(effort, {
    test: [6, 12, 24, 48],
    fast: [6, 12, 24, 48, 96],
    thorough: [6, 12, 24, 48, 96, 192],
  });
  const points = sizes.flatMap((choices) =>
    [0.25, 0.5, 0.75, 1].map((share) => {
      const draws = Math.floor((mutation === "uncounted" ? 9 : 1) * share * (choices / 3));
      return { x: choices, y: mutation === "leak" ? 0 : leastError(choices, draws) };
    }),
  );
  const least = Math.min(...points.map(({ y }) => y));
  return rowResult({
    instances: points.length,
    checks: [
      compare(
        "chance that the best learner with at most M/3 draws at x_i is wrong, least",
        least,
        ">=",
        1 / (4 * Math.E),
        "1/(4e)",
        0,
      ),
    ],
    fits: [],
    figure: {
      title: "Adaptive learners with at most M/3 draws at a prompt",
      x: { label: "M", log: true },
      y: { label: "least chance to be wrong" },
      series: [
        { name: "best learner", kind: "measured", points },
        { name: "1/(4e)", kind: "bound", points: sizes.map((x) => ({ x, y: 1 / (4 * Math.E) })) },
      ],
      caption: "Exact; a learner stops as soon as it knows, or after a quarter to all of M/3 draws.",
    },
    summary: `with at most M/3 draws at x_i the best learner is wrong with probability ${least.toFixed(3)} at least`,
    notes: [
      "A learner that mixes stopping rules mixes their errors and their P[m_i ≤ M/3], so that rules with m_i ≤ M/3 throughout are the worst case.",
    ],
  });
}

/** Lemma H.4. */
export const lemmaH4: Row = {
  id: "lemma-h.4",
  title: "Lemma H.4",
  statement: "For M ≥ 6 and an adaptive learner: P[ĵ_i ≠ j*_i] ≥ (1/4e)·P[m_i ≤ M/3].",
  source: ["Lemma H.4", "Theorem D.2"],
  file: "src/theory/rows/hard-lemmas.ts",
  family:
    "the hard family with M from 6 to 96 (thorough: 192); learners that stop once they know, or after up to M/3 draws",
  limits: "stopping rules by number and by knowledge; their errors are exact",
  mutations: [
    { id: "uncounted", description: "nine times the draws that are counted" },
    { id: "leak", description: "the learner is told I" },
  ],
  run: runAdaptiveLemma,
};
