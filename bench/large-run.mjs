/**
 * `node bench/large-run.mjs make <folder> --prompts 100000 --n 50 --tokens 200`: a run folder as if a model had drawn it, with a file of prompts
 * with labels beside it (`<folder>.prompts.jsonl`), some 25,000 responses a second; `verifyRun` finds nothing in it. Then
 * `node bench/large-run.mjs time -- evaluate <folder>`: what a whetstone command takes of time and memory, on the last line as JSON.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { randomStream } from "../dist/core/random.js";
import { float32Decimal } from "../dist/run/float32-decimal.js";
import { startRun } from "../dist/run/run.js";
import { jsonlTask } from "../dist/task/jsonl.js";

const WORDS = "the number of apples is then we add and get so that each one has five more than before".split(
  " ",
);
/** Log-probabilities are taken from a table, as printing them is half of the work. */
const TABLE = 1 << 16;

/** Lines of responses, without a JSON writer. @param {number} tokens of each */
function lineWriter(tokens) {
  const stream = randomStream(1, "large run");
  const logProbs = Array.from({ length: TABLE }, () => float32Decimal(0.5 * Math.log(1 - stream.next())));
  const printed = logProbs.map((value) => JSON.stringify(value));
  const ids = Array.from({ length: TABLE }, () => String(stream.integer(50_000)));
  const words = Array.from(
    { length: TABLE },
    () => /** @type {string} */ (WORDS[stream.integer(WORDS.length)]),
  );
  /** @param {readonly string[]} table @param {string} between */
  const run = (table, between) => {
    const from = stream.integer(TABLE - tokens);
    return table.slice(from, from + tokens).join(between);
  };
  /** @param {string} promptId @param {number} index @param {number} answer */
  return (promptId, index, answer) =>
    `{"promptId":"${promptId}","index":${index},"text":" ${run(words, " ")}\\nThe answer is ${answer}.","tokens":[${run(ids, ",")}],` +
    `"logProbs":[${run(printed, ",")}],"finish":"stop"}\n`;
}

/** @param {string} path @param {Iterable<string>} lines */
function writeLines(path, lines) {
  const file = openSync(path, "w");
  let pending = /** @type {string[]} */ ([]);
  const flush = () => {
    writeSync(file, Buffer.from(pending.join(""), "latin1"));
    pending = [];
  };
  for (const line of lines) if (pending.push(line) === 1000) flush();
  flush();
  closeSync(file);
}

/** @param {string} folder @param {{ prompts: number, n: number, tokens: number }} size */
async function make(folder, { prompts, n, tokens }) {
  const file = resolve(`${folder}.prompts.jsonl`);
  const places = Array.from({ length: prompts }, (_, place) => place);
  const textOf = (/** @type {number} */ p) => `Question ${p}: how many apples are ${p} and ${p % 97} apples?`;
  const labelOf = (/** @type {number} */ p) => p + (p % 97);
  writeLines(
    file,
    places.map((p) => `${JSON.stringify({ id: `q-${p}`, prompt: textOf(p), answer: labelOf(p) })}\n`),
  );
  const task = await jsonlTask(file, { grader: "numeric", maxTokens: tokens });
  const config = {
    model: { name: "made-up", digest: "0".repeat(64) },
    task: { name: task.name, digest: task.digest, path: file, grader: { name: "numeric" } },
    drawing: { n, temperature: 1, maxTokens: tokens },
    rewards: ["log-likelihood", "length-normalized", "majority"].map((name) => ({ name })),
    seeds: { run: 1 },
  };
  const options = { command: "node bench/large-run.mjs", createdAt: "2026-01-01T00:00:00.000Z" };
  await (await startRun(folder, config, options)).close();
  const stream = randomStream(2, "large run");
  const line = lineWriter(tokens);
  // Each prompt has its own chance to be answered rightly; wrong answers differ.
  const answers = (/** @type {number} */ p, /** @type {number} */ count) => {
    const chance = stream.next();
    return Array.from({ length: count }, () =>
      stream.next() < chance ? labelOf(p) : labelOf(p) + 1 + stream.integer(9),
    );
  };
  const record = (/** @type {number} */ p) =>
    `${JSON.stringify({ id: `q-${p}`, text: textOf(p), split: "test" })}\n`;
  writeLines(`${folder}/prompts.jsonl`, places.map(record));
  writeLines(
    `${folder}/greedy.jsonl`,
    places.map((p) => line(`q-${p}`, -1, /** @type {number} */ (answers(p, 1)[0]))),
  );
  writeLines(
    `${folder}/responses.jsonl`,
    (function* () {
      for (const p of places)
        for (const [i, answer] of answers(p, n).entries()) yield line(`q-${p}`, i, answer);
    })(),
  );
}

/** Clock ticks of a second in /proc/<id>/stat, on every Linux. */
const TICKS = 100;

/** Runs a command line of whetstone, and looks every 50 ms at the memory that it holds and the time that it has computed. @param {readonly string[]} args */
async function time(args) {
  const started = performance.now();
  const child = spawn(process.execPath, ["dist/cli/main.js", ...args], { stdio: "inherit" });
  let peak = 0;
  let ticks = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
      // Behind the name: from the state on, the third field; those of all threads together.
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      ticks = Math.max(ticks, Number(fields[11] ?? 0) + Number(fields[12] ?? 0));
    } catch {
      // It has ended.
    }
  }, 50);
  const code = await new Promise((done) => child.on("exit", done));
  clearInterval(timer);
  const seconds = Math.round((performance.now() - started) / 10) / 100;
  console.log(
    JSON.stringify({
      ...{ command: args.join(" "), code, seconds, cpuSeconds: ticks / TICKS },
      peakMB: Math.round(peak / 1024),
    }),
  );
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    prompts: { type: "string", default: "100000" },
    n: { type: "string", default: "50" },
    tokens: { type: "string", default: "200" },
  },
});
const [what, folder] = positionals;
if (what === "make" && folder)
  await make(folder, { prompts: Number(values.prompts), n: Number(values.n), tokens: Number(values.tokens) });
else if (what === "time") await time(positionals.slice(1));
else throw new Error("Say what to do: make <folder>, or time -- <command> <arguments>.");
