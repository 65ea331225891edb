/**
 * `node bench/lone-row.mjs --tokens 48 --rounds 3`: what a token of one response to one prompt costs on SmolLM2, in float32 and quantized, in a batch of
 * four rows and in one row, least of the rounds, in turn; whether its log-probabilities have the same bits in both and among twenty; and when its
 * first token is there, counted from the start of loading. The last line is JSON.
 */
import { parseArgs } from "node:util";
import { LocalPolicy } from "../dist/index.js";
import { realModelPath } from "../scripts/fetch-model.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "smollm2" },
    tokens: { type: "string", default: "48" },
    rounds: { type: "string", default: "3" },
    ways: { type: "string", default: "float32,int8,int4,int4a8" },
  },
});
const path = realModelPath(/** @type {"smollm2"} */ (values.model));
const prompt = {
  id: "a",
  text: "Question: A farmer has 3 pens with 4 hens each. How many hens are there in all? Explain.\nAnswer:",
};
const sampling = { temperature: 1, maxTokens: Number(values.tokens), seed: 7 };

/** @param {LocalPolicy} policy @param {number} n @param {() => void} [first] told of the first token */
async function draw(policy, n, first) {
  const options = first ? { watcher: { drawn: first } } : undefined;
  async function* requests() {
    for (let index = 0; index < n; index++) yield { prompt, index, ...(options && { options }) };
  }
  for await (const response of policy.sample(requests(), sampling))
    if (response.index === 0) found = response;
  return found;
}
/** @type {import("../dist/index.js").Response} */
let found;

/** @param {() => Promise<import("../dist/index.js").Response>} work */
async function timed(work) {
  const before = process.cpuUsage();
  const started = performance.now();
  const { logProbs } = await work();
  const { user, system } = process.cpuUsage(before);
  const each = (/** @type {number} */ ms) => ms / logProbs.length;
  return {
    cpu: each((user + system) / 1000),
    wall: each(performance.now() - started),
    bits: logProbs.join(),
  };
}

const results = [];
for (const way of values.ways.split(",")) {
  const options = way === "float32" ? {} : { quantize: /** @type {"int8"} */ (way) };
  const started = performance.now();
  const lone = await LocalPolicy.load(path, { ...options, loneRow: true });
  let firstToken = Infinity;
  await draw(lone, 1, () => (firstToken = Math.min(firstToken, performance.now() - started)));
  const four = LocalPolicy.of(lone.runtime.model, {});
  await draw(four, 1);
  /** @type {Record<"one" | "four", Awaited<ReturnType<typeof timed>>[]>} */
  const times = { one: [], four: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    times.four.push(await timed(() => draw(four, 1)));
    times.one.push(await timed(() => draw(lone, 1)));
  }
  const among = (await draw(four, 20)).logProbs;
  const least = (/** @type {"one" | "four"} */ rows, /** @type {"cpu" | "wall"} */ what) =>
    Math.min(...times[rows].map((time) => time[what]));
  const same = [times.one[0]?.bits === times.four[0]?.bits, times.four[0]?.bits === among.join()];
  const result = {
    ...{ way, firstToken, sameBits: same },
    four: { cpu: least("four", "cpu"), wall: least("four", "wall") },
    one: { cpu: least("one", "cpu"), wall: least("one", "wall") },
  };
  results.push(result);
  console.log(
    `${way}: processor ms a token ${result.four.cpu.toFixed(1)} in four rows, ${result.one.cpu.toFixed(1)} in one (wall ${result.four.wall.toFixed(1)}, ` +
      `${result.one.wall.toFixed(1)}); bits one = four ${same[0]}, four = among 20 ${same[1]}; first token after ${(firstToken / 1000).toFixed(2)} s`,
  );
  await four.dispose();
  await lone.dispose();
}
console.log(JSON.stringify(results));
