/**
 * `npm run bench`: tokens per second and peak memory of the sampler and the trainer, beside transformers' and peft's on
 * the same machine in the same run, where there is Python. See README.md beside this file.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fetchRealModel } from "../scripts/fetch-model.mjs";
import { pythonInterpreter } from "../scripts/python-env.mjs";
import { CASES } from "./cases.mjs";
import { measure, spread } from "./processes.mjs";
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
  --only <names>  cases to run, by parts of their names, separated by commas: ${CASES.map(({ name }) => name).join(", ")};
                  or serve, the server's figures alone
  --peers         beside transformers, peft and llama.cpp, in turn and row by row, written to docs/results/bench.md; with --only
                  the rows that are named so
  --data <file>   with --peers: gsm8k's rows (JSONL with question and answer), for the rows that ask them
  --prompts <n>   with --peers: of best-of-50, in each of its repeats (default: 2)
  --page <name>   with --peers: another page of docs/results, for another machine (default: bench)
  --busy          with --peers: the machine has other work, so that of memory's rows no seconds are told
  --no-peers      without Python's libraries
  --dtypes <list> the peers' data types (default: float32,bfloat16)
  --quick         one repeat instead of three (five for a trainer), and peers in float32 only (with --peers in both)
  --json          also print everything as one JSON object, as the last line
  --out <file>    also write that object to a file`;

/**
 * As `measure`; what is measured once a process, in as many processes as repeats.
 * @param {import("./cases.mjs").Case["work"]["kind"]} kind
 * @param {number} repeats
 * @param {string} program
 * @param {readonly string[]} args
 */
async function measureRepeats(kind, repeats, program, args) {
  const first = await measure(program, args);
  if (kind === "first-token")
    for (let i = 1; i < repeats; i++) first.seconds.push(...(await measure(program, args)).seconds);
  return first;
}

/**
 * @param {{ tokens: number, seconds: number[], peakBytes: number }} timing
 * @param {string} note
 * @returns {Figure}
 */
function figure({ tokens, seconds, peakBytes }, note) {
  return { tokensPerSecond: tokens / spread(seconds).median, tokens, seconds, peakBytes, note };
}

const PEERS = { sampler: "generate.py", trainer: "lora.py", "first-token": "first_token.py" };

/**
 * @param {import("./cases.mjs").Case} chosen
 * @param {string | undefined} python
 * @param {string | undefined} gguf SmolLM2's file, if it can be had
 * @param {readonly string[]} dtypes
 * @param {boolean} quick
 * @returns {Promise<Result>}
 */
async function runCase({ name, title, work, peer }, python, gguf, dtypes, quick) {
  const { kind } = work;
  const repeats = quick ? 1 : kind === "trainer" ? 5 : 3;
  const script = join(import.meta.dirname, "measure.mjs");
  const own = await measureRepeats(kind, repeats, process.execPath, [script, name, `${repeats}`]);
  const ours = figure(own, own.source ?? "");
  /** @type {Result["peers"]} */
  const peers = [];
  if (peer && python) {
    const peerScript = join(import.meta.dirname, "peers", PEERS[kind]);
    for (const dtype of dtypes) {
      const model = gguf === undefined ? SMOLLM2 : { gguf };
      const settings = { model, work, dtype, repeats, threads: availableParallelism() };
      const timing = await measureRepeats(kind, repeats, python, [peerScript, JSON.stringify(settings)]);
      const theirs = figure(timing, dtype);
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
  const row = (
    /** @type {string} */ who,
    /** @type {Figure} */ { tokens, tokensPerSecond, peakBytes, note },
  ) => {
    const speed =
      tokens === 1
        ? `${(1 / tokensPerSecond).toFixed(2).padStart(8)} s       `
        : `${tokensPerSecond.toFixed(0).padStart(8)} tokens/s`;
    return `  ${who.padEnd(10)} ${speed} ${(peakBytes / 1e9).toFixed(2).padStart(6)} GB  ${note}`;
  };
  const ratios = peers.map((peer) => `${row("peer", peer)}: ours is ${peer.ratio.toFixed(2)} ×`);
  return [title, row("whetstone", ours), ...ratios].join("\n");
}

/** The interpreter for the peers. */
const findPython = async () => process.env["WHETSTONE_PYTHON"] ?? (await pythonInterpreter());

/**
 * What is there or can be had; undefined, with a notice, otherwise.
 * @param {() => Promise<string>} find
 * @param {string} otherwise
 */
async function ifHad(find, otherwise) {
  try {
    return await find();
  } catch (error) {
    console.error(`Notice: ${otherwise}. ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** @param {{ only: string, quick: boolean, data?: string | undefined, prompts: string, page: string, busy?: boolean | undefined }} values */
async function beside({ only, quick, data, prompts, page, busy = false }) {
  const { compare } = await import("./compare.mjs");
  if (!/^[1-9]\d*$/.test(prompts))
    throw new Error(`--prompts takes a whole number of at least 1, not "${prompts}".`);
  if (!/^bench(-[a-z0-9]+)*$/.test(page))
    throw new Error(
      `--page takes a name like bench-amx, not "${page}": bench, then small letters and digits after dashes.`,
    );
  const asked = { page, ...(quick && { repeats: 1 }), ...(data !== undefined && { data }) };
  await compare({ only, prompts: Number(prompts), busy, ...asked });
}

async function main() {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      only: { type: "string", default: "" },
      peers: { type: "boolean" },
      dtypes: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      data: { type: "string" },
      prompts: { type: "string", default: "2" },
      page: { type: "string", default: "bench" },
      busy: { type: "boolean" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  if (values.peers) return beside(values);
  const parts = values.only.split(",");
  // The server's figures are of another kind, and stand by themselves.
  if (values.only === "serve") return void (await import("./serve.mjs"));
  const named = CASES.filter(({ name }) => parts.some((part) => name.includes(part)));
  if (named.length === 0) throw new Error(`No case is named like "${values.only}".\n${HELP}`);
  const wantsSmolLM2 = named.some(({ model }) => model === "smollm2");
  const gguf = wantsSmolLM2
    ? await ifHad(
        () => fetchRealModel("smollm2"),
        "random weights in SmolLM2's place, and no time to a first token",
      )
    : undefined;
  const chosen = named.filter(({ work }) => gguf !== undefined || work.kind !== "first-token");
  const wantsPeers = values.peers !== false && chosen.some(({ peer }) => peer);
  const python = wantsPeers ? await ifHad(findPython, "no peers") : undefined;
  const dtypes = (values.dtypes ?? (values.quick ? "float32" : "float32,bfloat16")).split(",");
  const unknown = dtypes.find((dtype) => dtype !== "float32" && dtype !== "bfloat16");
  if (unknown !== undefined) throw new Error(`--dtypes takes float32 and bfloat16, not "${unknown}".`);
  const results = [];
  for (const each of chosen) {
    const result = await runCase(each, python, gguf, dtypes, values.quick);
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
