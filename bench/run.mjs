/**
 * `npm run bench`: tokens per second and peak memory of the sampler and the trainer, beside transformers' and peft's on
 * the same machine in the same run, where there is Python. See README.md beside this file.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pythonInterpreter } from "../scripts/python-env.mjs";
import { CASES } from "./cases.mjs";
import { SMOLLM2 } from "./shapes.mjs";

/**
 * @typedef {object} Figure
 * @property {number} tokensPerSecond of the median repeat
 * @property {number} tokens of a repeat
 * @property {readonly number[]} seconds of each repeat
 * @property {number} peakBytes of the process
 * @property {string} note the weights, or the peer's data type
 */
/**
 * A peer's ratio is our tokens per second over its own.
 * @typedef {{ name: string, title: string, ours: Figure, peers: (Figure & { ratio: number })[] }} Result
 */

const HELP = `Usage: npm run bench -- [options]
  --only <names>  cases to run, by parts of their names, separated by commas: ${CASES.map(({ name }) => name).join(", ")}
  --no-peers      without Python's libraries
  --quick         one repeat instead of three (five for a trainer), and peers in float32 only
  --json          also print everything as one JSON object, as the last line
  --out <file>    also write that object to a file`;

/**
 * Runs a program whose last line on stdout is JSON.
 * @param {string} program
 * @param {readonly string[]} args
 * @returns {Promise<{ tokens: number, seconds: number[], peakBytes: number, source?: string }>}
 */
function measure(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (errors += data));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(output.trim().split("\n").at(-1) ?? ""));
      else reject(new Error(`${program} ${args[0]} failed: ${errors.trim().split("\n").at(-1)}`));
    });
  });
}

/**
 * @param {{ tokens: number, seconds: number[], peakBytes: number }} timing
 * @param {string} note
 * @returns {Figure}
 */
function figure({ tokens, seconds, peakBytes }, note) {
  const sorted = [...seconds].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  return { tokensPerSecond: tokens / median, tokens, seconds, peakBytes, note };
}

/**
 * @param {import("./cases.mjs").Case} chosen
 * @param {string | undefined} python
 * @param {boolean} quick
 * @returns {Promise<Result>}
 */
async function runCase({ name, title, work, peer }, python, quick) {
  const repeats = quick ? 1 : work.kind === "sampler" ? 3 : 5;
  const own = await measure(process.execPath, [join(import.meta.dirname, "measure.mjs"), name, `${repeats}`]);
  const ours = figure(own, own.source ?? "");
  /** @type {Result["peers"]} */
  const peers = [];
  if (peer && python) {
    const script = join(import.meta.dirname, "peers", work.kind === "sampler" ? "generate.py" : "lora.py");
    for (const dtype of quick ? ["float32"] : ["float32", "bfloat16"]) {
      const settings = { model: SMOLLM2, work, dtype, repeats, threads: availableParallelism() };
      const theirs = figure(await measure(python, [script, JSON.stringify(settings)]), dtype);
      peers.push({ ...theirs, ratio: ours.tokensPerSecond / theirs.tokensPerSecond });
    }
  }
  return { name, title, ours, peers };
}

/**
 * @param {Result} result
 * @returns {string}
 */
function describe({ title, ours, peers }) {
  const row = (/** @type {string} */ who, /** @type {Figure} */ { tokensPerSecond, peakBytes, note }) =>
    `  ${who.padEnd(10)} ${tokensPerSecond.toFixed(0).padStart(8)} tokens/s ${(peakBytes / 1e9).toFixed(2).padStart(6)} GB  ${note}`;
  const ratios = peers.map((peer) => `${row("peer", peer)}: ours is ${peer.ratio.toFixed(2)} ×`);
  return [title, row("whetstone", ours), ...ratios].join("\n");
}

/** The interpreter for the peers; undefined, with a notice, where there is none. */
async function findPython() {
  const given = process.env["WHETSTONE_PYTHON"];
  if (given) return given;
  try {
    return await pythonInterpreter();
  } catch (error) {
    console.error(`Notice: no peers. ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function main() {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      only: { type: "string", default: "" },
      peers: { type: "boolean", default: true },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const parts = values.only.split(",");
  const chosen = CASES.filter(({ name }) => parts.some((part) => name.includes(part)));
  if (chosen.length === 0) throw new Error(`No case is named like "${values.only}".\n${HELP}`);
  const python = values.peers && chosen.some(({ peer }) => peer) ? await findPython() : undefined;
  const results = [];
  for (const each of chosen) {
    const result = await runCase(each, python, values.quick);
    console.log(describe(result));
    results.push(result);
  }
  const machine = { cpu: cpus()[0]?.model, threads: availableParallelism(), node: process.version };
  const all = JSON.stringify({ machine, quick: values.quick, results });
  if (values.out) writeFileSync(values.out, `${all}\n`);
  if (values.json) console.log(all);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
