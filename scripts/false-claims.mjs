/**
 * `node scripts/false-claims.mjs [runs]` after `npm run build`: how often a page on which nothing is true makes a claim, and how often it
 * would if every comparison were judged by its own 95 % interval. Rewards are noise; greedy, one adapter and what the base gives
 * when asked in other ways (two of them) draw from what the base draws from. The quick form of it is a test, src/evaluate/declared.test.ts.
 */
import { randomStream } from "../dist/core/random.js";
import { claims, pValue } from "../dist/evaluate/declared.js";
import { measureAdapter } from "../dist/evaluate/measure-adapter.js";
import { measure } from "../dist/evaluate/measure.js";

const runs = Number(process.argv[2] ?? 2000);

/** @param {number} prompts @param {number} seed */
async function nullPage(prompts, seed) {
  const stream = randomStream(seed, "null page");
  const chances = Array.from({ length: prompts }, () => stream.next() ** 1.5);
  /** @param {number} p @param {number} i */
  const answer = (p, i) => ({
    promptId: String(p),
    index: i,
    text: `${stream.next() < /** @type {number} */ (chances[p]) ? "right" : "wrong"} ${i}`,
    tokens: [1],
    logProbs: Array.from({ length: 1 + stream.integer(3) }, () => -5 * stream.next()),
    baseLogProb: -10 * stream.next(),
    own: { logProbs: [-1] },
  });
  /** @param {number} p */
  const some = (p) => Array.from({ length: 8 }, (_, i) => answer(p, i));
  const task = {
    name: "null",
    grade: (/** @type {string} */ _, /** @type {string} */ text) => text.startsWith("right"),
  };
  const pools = chances.map((_, p) => ({
    prompt: { id: String(p), text: String(p) },
    responses: some(p),
    extract: (/** @type {string} */ text) => text,
  }));
  const rewards = ["a", "b", "c"].map((name) => ({
    name,
    score: (/** @type {{ responses: unknown[] }} */ pool) => pool.responses.map(() => stream.next()),
  }));
  const baselines = [
    { name: "temperature 0.5", responses: chances.flatMap((_, p) => some(p)) },
    { name: "beam search of width 4", responses: chances.map((_, p) => answer(p, -1)) },
  ];
  const greedy = chances.map((_, p) => answer(p, 0));
  const common = { task, pools, greedy, baselines, seed: 0, resamples: 200 };
  const measured = await measure(/** @type {any} */ ({ ...common, rewards, ns: [1, 2, 4, 8] }));
  const adapter = { responses: chances.flatMap((_, p) => some(p)), greedy: common.greedy };
  const sft = measureAdapter(/** @type {any} */ ({ ...common, runs: [adapter] }));
  return /** @type {any} */ ({ ...measured, adapters: { sft } });
}

for (const prompts of [32, 256]) {
  let claimed = 0;
  let uncorrected = 0;
  for (let seed = 0; seed < runs; seed++) {
    const verdicts = [...claims(await nullPage(prompts, seed))];
    if (verdicts.some(([, { clear }]) => clear)) claimed++;
    const auc = (/** @type {{ value: number }} */ { value }) => (value > 0.3 ? 0.5 : 0);
    if (verdicts.some(([estimate]) => pValue(estimate, prompts, auc(estimate)) < 0.05)) uncorrected++;
  }
  const share = (/** @type {number} */ count) => `${((100 * count) / runs).toFixed(1)} %`;
  console.log(
    `${prompts} prompts, ${runs} pages: ${share(claimed)} make a claim; one by one ${share(uncorrected)} would`,
  );
}
