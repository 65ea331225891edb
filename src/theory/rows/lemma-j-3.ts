import { randomStream, type RandomStream } from "../../core/random.js";
import { randomRow, singlePrompt } from "../instance.js";
import { logLikelihoodReward, sharpenedOptimum } from "../quantities.js";
import { byEffort, type Row, type RowOptions, type RowResult } from "../row.js";
import { ratioResult, type RatioCell } from "./ratio-row.js";
import { fourthMomentBound, lossCoefficient } from "./reward-tails.js";

/** Both sides of Lemma J.3 on one prompt. */
export interface ChangeOfMeasure {
  /** E_{y~π, y′~π_base}|Δ^{r*} − Δ^{r̂}|. */
  readonly left: number;
  readonly concentrability: number;
  /** E_{base,base}[|Δ^{r*} − Δ^{r̂}|²·1{both ≤ η}]. */
  readonly inside: number;
  /** P[|Δ^{r*}| > η] + P[|Δ^{r̂}| > η] under π_base. */
  readonly outside: number;
  /** The largest |Δ^{r*} − Δ^{r̂}|: `left` cannot be more. */
  readonly most: number;
}

/** @param learned β log(π̂/π_base) by response. @param reward log π_base by response. */
export function changeOfMeasure(
  base: Float64Array,
  policy: Float64Array,
  reward: Float64Array,
  learned: Float64Array,
  eta: number,
): ChangeOfMeasure {
  const found = { left: 0, inside: 0, outside: 0, most: 0 };
  base.forEach((p, y) =>
    base.forEach((q, z) => {
      const [true_, own] = [reward[y]! - reward[z]!, learned[y]! - learned[z]!];
      const gap = Math.abs(true_ - own);
      found.left += policy[y]! * q * gap;
      found.most = Math.max(found.most, gap);
      if (Math.abs(true_) <= eta && Math.abs(own) <= eta) found.inside += p * q * gap * gap;
      found.outside += p * q * (Number(Math.abs(true_) > eta) + Number(Math.abs(own) > eta));
    }),
  );
  const concentrability = policy.reduce((sum, p, y) => sum + (p * p) / base[y]!, 0);
  return { ...found, concentrability };
}

/** A base with a few likely responses and one that is rare, π̂ and π at random. */
function makeCell(beta: number, eta: number, mutation: string | undefined, stream: RandomStream): RatioCell {
  const size = 3 + stream.integer(8);
  const rare = 10 ** (-1 - 4 * stream.next());
  const rest = randomRow(size - 1, 0.2, stream);
  const base = Float64Array.from([...rest.map((p) => p * (1 - rare)), rare]);
  const optimum = sharpenedOptimum(singlePrompt(base), logLikelihoodReward(singlePrompt(base)), beta)[0]!;
  const hat = randomRow(size, 3, stream);
  // Half of the time π goes where the base hardly is.
  const share = stream.next() < 0.5 ? 0.9 : 0;
  const policy = randomRow(size, 2, stream).map((p, y) => (1 - share) * p + (y === size - 1 ? share : 0));
  const learned = hat.map((p, y) => beta * Math.log(p / base[y]!));
  const sides = changeOfMeasure(base, policy, base.map(Math.log), learned, eta);
  const fourth = [hat, optimum].reduce(
    (sum, own) => sum + fourthMomentBound(lossCoefficient({ base, policy: own }, beta)) ** 0.25,
    0,
  );
  const c = mutation === "no-coverage" ? 1e-2 : sides.concentrability;
  const tail = mutation === "no-tail" ? 0 : fourth * sides.outside ** 0.25;
  const bound = Math.sqrt(c) * (Math.sqrt(sides.inside) + tail);
  return { x: eta, measured: sides.left, bound: Math.max(bound, 1e-12), most: sides.most };
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "lemma-j.3");
  const count = byEffort(effort, { test: 60, fast: 600, thorough: 10000 });
  const cells = [0.1, 0.5, 1].flatMap((beta) =>
    [0.1, 1, 3, 10].flatMap((eta) =>
      Array.from({ length: count }, () => makeCell(beta, eta, mutation, stream)),
    ),
  );
  return ratioResult({
    claim: "E_{π,base}|Δ^{r*} − Δ^{r̂}| / (√C_π·(√E[…²·1{≤ η}] + (f(k*) + f(k̂))·(P + P)^{1/4}))",
    constants: "f(k)⁴ = k⁴ + 4(k³ + 3k² + 6k + 6), k = log(2C_loss), from Lemma J.2",
    cells,
    title: "From π_base to π: the regression error that a policy sees",
    axis: { label: "η", log: true },
    caption: "Random π and π̂; half of the π go where the base hardly is.",
    found: "(exact)",
    notes: [
      "The paper prints log C_loss where Lemma J.2 gives log C_loss + 1; without the 1 it is false (docs/errata.md).",
    ],
  });
}

/** Lemma J.3. */
export const lemmaJ3: Row = {
  id: "lemma-j.3",
  title: "Lemma J.3",
  statement:
    "E_{π,base}|Δ^{r*} − Δ^{r̂}| ≤ √C_π·(√E_base[|Δ^{r*} − Δ^{r̂}|²·1{both ≤ η}] + (f(k̂) + f(k*))·(P[|Δ^{r*}| > η] + P[|Δ^{r̂}| > η])^{1/4}).",
  source: ["Lemma J.3", "eq. (9)"],
  file: "src/theory/rows/lemma-j-3.ts",
  family: "one prompt of 3–10 responses, one of them rare; β from 0.1 to 1, η from 0.1 to 10",
  limits: "nothing is lost: both sides are exact, with the constants of the proof",
  mutations: [
    { id: "no-tail", description: "the term of the large rewards left out" },
    { id: "no-coverage", description: "1/100 in place of C_π" },
  ],
  run,
};
