/**
 * `npm run bench -- --peers`: speed beside llama.cpp on the same file and as many threads, ours and theirs in turn, and
 * the peaks of memory; row by row into docs/results/bench.json, of which docs/results/bench.md is made. `--only <names>` measures the
 * rows that are named so and leaves the others as they were.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { fetchRealModel } from "../scripts/fetch-model.mjs";
import { llamaInterpreter } from "../scripts/llama-env.mjs";
import { MEMORY_ROWS, SPEED_ROWS } from "./compare-rows.mjs";
import { measure, spread } from "./processes.mjs";

const RESULTS = join(import.meta.dirname, "..", "docs", "results");
const REPEATS = 3;

/** @typedef {{ readonly median: number, readonly least: number, readonly largest: number }} Spread */
/**
 * @typedef {object} Measured
 * @property {string} machine
 * @property {Record<string, Spread>} [figures] by who was measured
 * @property {Record<string, number>} [peaks] gigabytes, by who was measured
 * @property {import("./processes.mjs").Printed} [memory] what bench/memory.mjs has printed
 */

function machine() {
  const flags = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const widest = ["amx_int8", "avx512f", "avx2"].find((flag) => new RegExp(`\\b${flag}\\b`).test(flags));
  const gigabytes = Math.round(totalmem() / 1e9);
  return `${availableParallelism()} cores of ${cpus()[0]?.model.trim()} (${widest ?? process.arch}), ${gigabytes} GB, Node ${process.version}`;
}

/** @param {import("./compare-rows.mjs").SpeedRow} row @param {string} llama @returns {Promise<Measured>} */
async function speed({ model, ours, work, measures }, llama) {
  const gguf = await fetchRealModel(model);
  const threads = availableParallelism();
  /** @type {[who: string, program: string, args: string[]][]} */
  const programs = [
    ...ours.map((how) => {
      const asked = { model, ...(how !== "float32" && { quantize: how }), ...work, threads };
      const args = [join(import.meta.dirname, "draw.mjs"), JSON.stringify(asked)];
      return /** @type {[string, string, string[]]} */ ([how, process.execPath, args]);
    }),
    [
      "llama.cpp",
      llama,
      [join(import.meta.dirname, "peers", "llama.py"), JSON.stringify({ gguf, ...work, threads })],
    ],
  ];
  /** @type {Record<string, number[]>} */
  const values = {};
  /** @type {Record<string, number>} */
  const peaks = {};
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const [who, program, args] of programs) {
      const found = await measure(program, args);
      (values[who] ??= []).push(found[measures]);
      peaks[who] = Math.max(peaks[who] ?? 0, found.peakBytes / 1e9);
    }
  }
  const figures = Object.fromEntries(Object.entries(values).map(([who, each]) => [who, spread(each)]));
  return { machine: machine(), figures, peaks };
}

/** @param {import("./compare-rows.mjs").MemoryRow} row @returns {Promise<Measured>} */
async function memory({ memory: args }) {
  const found = await measure(process.execPath, [join(import.meta.dirname, "memory.mjs"), ...args]);
  return { machine: machine(), memory: found };
}

/**
 * @param {string} only parts of rows' names, separated by commas
 * @throws {Error} with the rows' names, where none is named so; nothing is written then
 */
export async function compare(only) {
  const named = (/** @type {string} */ name) => only.split(",").some((part) => name.includes(part));
  const names = [...MEMORY_ROWS, ...SPEED_ROWS].map(({ name }) => name);
  if (!names.some(named)) throw new Error(`No row is named like "${only}"; there are: ${names.join("; ")}.`);
  const file = join(RESULTS, "bench.json");
  /** @type {Record<string, Measured>} */
  const results = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const write = async () => {
    const config = (await resolveConfig(file)) ?? {};
    writeFileSync(file, await format(JSON.stringify(results), { ...config, filepath: file }));
    const page = join(RESULTS, "bench.md");
    writeFileSync(page, await format(pageOf(results), { ...config, filepath: page }));
  };
  const keep = async (/** @type {string} */ name, /** @type {Measured} */ measured) => {
    results[name] = measured;
    await write();
    console.log(`${name}: ${JSON.stringify(measured)}`);
  };
  await write();
  for (const row of MEMORY_ROWS.filter(({ name }) => named(name))) await keep(row.name, await memory(row));
  const speeds = SPEED_ROWS.filter(({ name }) => named(name));
  if (speeds.length === 0) return;
  const llama = await llamaInterpreter();
  for (const row of speeds) await keep(row.name, await speed(row, llama));
}

/**
 * A heading with a table or a list; nothing where that is empty.
 * @param {string} title @param {readonly string[]} columns @param {readonly string[]} lines
 */
function section(title, columns, lines) {
  if (lines.length === 0) return [];
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const head = columns.length === 0 ? [] : [line(columns), line(columns.map(() => "---"))];
  return [`## ${title}`, "", ...head, ...lines, ""];
}

/** @param {Record<string, Measured>} results */
function pageOf(results) {
  const machines = [...new Set(Object.values(results).map((result) => result.machine))];
  const lines = [
    "# Speed and memory, beside llama.cpp",
    "",
    "Made by `npm run bench -- --peers` (`--only <name>` measures one row again). Ours and llama.cpp's are measured in turn on the same",
    `file, with as many threads, ${REPEATS} times each in processes of their own: the median, and from the least to the largest. Responses have no`,
    "end token on either side. Where the spreads of two overlap, the difference is noise. Memory is the peak of one process, ours.",
    "",
    ...machines.map((name, i) => `- Machine ${i + 1}: ${name}`),
    "",
    "The targets were set for a processor with AVX-512, with AMX for eight bits. On one without them they stand beside the figures as what they",
    "are: not measured there.",
    "",
    ...section(
      "Memory",
      ["row", "peak", "at most", "weights held", "seconds", "command", "machine"],
      MEMORY_ROWS.flatMap((row) => {
        const found = results[row.name];
        return found?.memory ? [memoryLine(row, found.memory, machines.indexOf(found.machine) + 1)] : [];
      }),
    ),
    ...section(
      "Speed",
      ["row", "who", "figure", "× llama.cpp", "peak", "target", "machine"],
      SPEED_ROWS.flatMap((row) => {
        const found = results[row.name];
        return found ? speedLines(row, found, machines) : [];
      }),
    ),
    ...section(
      "What bounds what falls short",
      [],
      [...MEMORY_ROWS, ...SPEED_ROWS].flatMap(({ name, title, bound }) =>
        bound !== undefined && results[name] ? [`- ${title}: ${bound}.`] : [],
      ),
    ),
  ];
  return lines.join("\n");
}

/**
 * @param {import("./compare-rows.mjs").MemoryRow} row @param {import("./processes.mjs").Printed} found @param {number} where
 */
function memoryLine({ title, memory: args, limit }, found, where) {
  const most = limit ?? found.allowedBytes / 1e9;
  const peak = found.peakBytes / 1e9;
  const seconds = found.stepSeconds
    ? `${spread(found.stepSeconds).median.toFixed(1)} a step`
    : `${found.firstTokenSeconds.toFixed(1)} to the first token`;
  return [
    "",
    title,
    `${peak.toFixed(2)} GB${peak > most ? ", over" : ""}`,
    `${most.toFixed(2)} GB`,
    `${(found.heldBytes / 1e9).toFixed(2)} GB`,
    seconds,
    `\`npm run bench:memory -- ${args.join(" ")}\``,
    where,
    "",
  ].join(" | ");
}

/**
 * @param {import("./compare-rows.mjs").SpeedRow} row @param {Measured} found @param {readonly string[]} machines
 */
function speedLines({ title, measures, target }, { figures = {}, peaks = {}, machine: where }, machines) {
  const [unit, digits] = measures === "tokensPerSecond" ? ["tokens/s", 0] : ["s", 2];
  const theirs = figures["llama.cpp"]?.median ?? NaN;
  return Object.entries(figures).map(([who, { median, least, largest }], i) => {
    const own = who === "llama.cpp";
    const ratio = measures === "tokensPerSecond" ? median / theirs : theirs / median;
    return [
      "",
      i === 0 ? title : "",
      own ? who : `ours, ${who}`,
      `${median.toFixed(digits)} ${unit} (${least.toFixed(digits)} to ${largest.toFixed(digits)})`,
      own ? "" : ratio.toFixed(2),
      `${(peaks[who] ?? NaN).toFixed(2)} GB`,
      i === 0 ? target : "",
      i === 0 ? machines.indexOf(where) + 1 : "",
      "",
    ].join(" | ");
  });
}
