/**
 * `npm run bench:parts`: the milliseconds of what people wait for between draws, a line each: the median of 21 calls after three to
 * warm up, and the slowest. What these give is tested beside the sources; how long it takes is not, since machines differ.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomStream } from "../dist/core/random.js";
import { bestOfFrequentShares } from "../dist/reward/best-of-majority-probabilities.js";
import { majorityClassProbabilities } from "../dist/reward/majority-probabilities.js";
import { acquireLock } from "../dist/run/lock.js";
import { graderForQuestion } from "../dist/task/question.js";
import { TemplateProcess } from "../dist/transformer/text/template-process.js";

const stream = randomStream(9, "pools");
const classOf = Array.from({ length: 50 }, () => stream.integer(9) - 1);
const values = Array.from({ length: 50 }, () => -stream.integer(40));
const folder = mkdtempSync(join(tmpdir(), "whetstone-bench-"));
const lock = acquireLock(folder);
const renderer = new TemplateProcess();
const message = { messages: [{ role: "user", content: "hi" }] };

/** @type {readonly (readonly [string, () => unknown])[]} */
const PARTS = [
  [
    "majority, 50 responses in 9 classes, N = 25",
    () => majorityClassProbabilities([1, 2, 3, 4, 5, 6, 7, 8, 9], 5, 25),
  ],
  ["best-of-majority, 50 responses, N = 25", () => bestOfFrequentShares(classOf, values, 25, 3)],
  ["the grader of a question of 300,000 letters", () => graderForQuestion("A) ".repeat(100_000))],
  ["a run folder that is in use, refused", () => refused()],
  [
    "a chat template, rendered",
    () => renderer.request({ template: "{{ messages[0].content }}", values: message, maxLength: 1000 }),
  ],
];

/** @returns {boolean} */
function refused() {
  try {
    acquireLock(folder);
    return false;
  } catch {
    return true;
  }
}

try {
  for (const [name, part] of PARTS) {
    const times = [];
    for (let call = 0; call < 24; call++) {
      const start = performance.now();
      await part();
      if (call >= 3) times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    const [median, slowest] = [times[10] ?? NaN, times.at(-1) ?? NaN];
    console.log(`${name.padEnd(46)} ${median.toFixed(2).padStart(8)} ms, at most ${slowest.toFixed(2)} ms`);
  }
} finally {
  lock.release();
  rmSync(folder, { recursive: true });
}
