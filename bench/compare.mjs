/**
 * `npm run bench -- --peers`: ours beside transformers, peft and llama.cpp on the same file and as many threads, in turn and row by row,
 * into docs/results/bench.json, of which docs/results/bench.md is made; `--page <name>` takes another page, for another machine. Each row is
 * saved as soon as it is measured, the most important first; `--only <names>` measures the rows that are named so and leaves the others as
 * they were.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { format, resolveConfig } from "prettier";
import { fetchRealModel } from "../scripts/fetch-model.mjs";
import { llamaInterpreter } from "../scripts/llama-env.mjs";
import { pythonInterpreter } from "../scripts/python-env.mjs";
import { pageOf } from "./compare-page.mjs";
import { LATE_ROWS } from "./compare-late.mjs";
import { MEMORY_ROWS } from "./compare-memory.mjs";
import { GROWTHS, ROWS } from "./compare-rows.mjs";
import { measure } from "./processes.mjs";
import { shapeFile } from "./shape-file.mjs";

const RESULTS = join(import.meta.dirname, "..", "docs", "results");
const REPEATS = 3;

/** @typedef {import("./compare-contenders.mjs").Contender} Contender */
/** @typedef {import("./compare-page.mjs").Measured} Measured */
/** @typedef {import("./processes.mjs").Printed} Printed */
/**
 * @typedef {object} Asked
 * @property {string} [only] parts of rows' names, separated by commas; a whole name means that row alone
 * @property {string} [page] its name, and its JSON's (default: bench)
 * @property {number} [repeats] instead of each row's
 * @property {string} [data] gsm8k's rows, as JSONL
 * @property {number} [prompts] of a repeat of best-of-50
 * @property {boolean} [busy] the machine has other work: memory is told, and no seconds of it
 */

function machine() {
  const flags = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const known = ["amx_int8", "avx512f", "avx512_vnni", "avx512_bf16", "avx2"];
  const has = known.filter((flag) => new RegExp(`\\b${flag}\\b`).test(flags));
  const gigabytes = Math.round(totalmem() / 1e9);
  return `${availableParallelism()} cores of ${cpus()[0]?.model.trim()} (${has.join(", ") || process.arch}), ${gigabytes} GB, Node ${process.version}`;
}

/** What runs the contenders: interpreters and what all are given alike, each had when it is first needed. */
class Workplace {
  folder = mkdtempSync(join(tmpdir(), "whetstone-bench-"));
  /** @type {Map<string, Promise<string>>} */
  had = new Map();

  /** @param {Asked} asked */
  constructor(asked) {
    this.asked = asked;
  }

  /** @param {string} what @param {() => Promise<string>} find */
  once(what, find) {
    const known = this.had.get(what) ?? find();
    this.had.set(what, known);
    return known;
  }

  /** @param {Contender["side"]} side */
  async program(side) {
    if (side === "ours") return process.execPath;
    if (side === "llama") return this.once("llama", llamaInterpreter);
    return process.env["WHETSTONE_PYTHON"] ?? (await this.once("torch", pythonInterpreter));
  }

  /** @param {string} model */
  file(model) {
    return this.once(model, () =>
      model === "smollm2" || model === "qwen" ? fetchRealModel(model) : shapeFile(model),
    );
  }

  data() {
    const { data } = this.asked;
    if (data === undefined) throw new Error("It asks gsm8k's questions: say where they are (--data <file>).");
    return resolve(data);
  }

  /** The path of what given.mjs writes. */
  given() {
    return this.once("given", async () => {
      const [out, threads] = [join(this.folder, "given.json"), availableParallelism()];
      const ask = { model: await this.file("smollm2"), data: this.data(), out, threads };
      const { prompts: promptsEach = 2 } = this.asked;
      const args = [
        join(import.meta.dirname, "given.mjs"),
        JSON.stringify({ ...ask, promptsEach, repeats: REPEATS }),
      ];
      await measure(process.execPath, args);
      return out;
    });
  }

  /** @param {Contender} contender @param {boolean} data @param {number} repeat @returns {Promise<Printed>} */
  async run({ side, script, model, ask, args, emptyCache }, data, repeat) {
    const file = model === undefined ? undefined : await this.file(model);
    const given = data && args === undefined ? { given: await this.given(), repeat } : {};
    const named = { ours: { model: file }, llama: { gguf: file }, torch: { model: { gguf: file } } }[side];
    const settings = { ...named, threads: availableParallelism(), ...given, ...ask };
    const own = args?.map((each) => (each === "DATA" ? this.data() : each)) ?? [JSON.stringify(settings)];
    const program = await this.program(side);
    if (!emptyCache) return measure(program, [join(import.meta.dirname, script), ...own]);
    const cache = mkdtempSync(join(this.folder, "cache-"));
    const env = { ...process.env, XDG_CACHE_HOME: cache };
    const found = await measure(program, [join(import.meta.dirname, script), ...own], env);
    rmSync(cache, { recursive: true });
    return found;
  }

  /** Of what each side computes with, as far as it was needed. */
  async versions() {
    const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json");
    const packages = { torch: ["torch", "transformers", "peft"], llama: ["llama-cpp-python"] };
    const found = [`onnxruntime-node ${version}`];
    for (const side of /** @type {("torch" | "llama")[]} */ (["torch", "llama"])) {
      const code = `import importlib.metadata as m; print(", ".join(f"{n} {m.version(n)}" for n in ${JSON.stringify(packages[side])}))`;
      if (this.had.has(side))
        found.push(spawnSync(await this.program(side), ["-c", code], { encoding: "utf8" }).stdout.trim());
    }
    return found.join(", ");
  }
}

/** @param {Workplace} workplace @param {import("./compare-rows.mjs").Row} row @returns {Promise<Partial<Measured>>} */
async function measureRow(workplace, { contenders, measures, data = false, repeats, extras }) {
  /** @type {Record<string, Printed[]>} */
  const printed = {};
  for (let repeat = 0; repeat < (workplace.asked.repeats ?? repeats ?? REPEATS); repeat++)
    for (const contender of contenders)
      if (repeat < (contender.times ?? Infinity))
        (printed[contender.who] ??= []).push(await workplace.run(contender, data, repeat));
  const scale = measures === "peakBytes" ? 1e9 : 1;
  const values = (/** @type {Printed} */ { range, ...own }) =>
    range ? [range[0], own[measures], range[1]] : [own[measures] / scale];
  const by = (/** @type {(each: Printed[]) => unknown} */ what) =>
    Object.fromEntries(Object.entries(printed).map(([who, each]) => [who, what(each)]));
  return {
    values: /** @type {Record<string, number[]>} */ (by((each) => each.flatMap(values))),
    peaks: /** @type {Record<string, number>} */ (
      by((each) => Math.max(...each.map(({ peakBytes }) => peakBytes)) / 1e9)
    ),
    threads: /** @type {Record<string, number>} */ (by((each) => each[0]?.threads)),
    ...(extras && { extras: extras(printed) }),
  };
}

/** @param {Workplace} workplace @param {import("./compare-rows.mjs").Growth} growth @param {(found: Partial<Measured>) => Promise<void>} keep */
async function measureGrowth(workplace, { points }, keep) {
  /** @type {Record<string, Record<string, import("./compare-page.mjs").Point>>} */
  const found = {};
  for (const { at, contenders } of points) {
    for (const contender of contenders) {
      const { tokensPerSecond, promptTokensPerSecond, peakBytes } = await workplace.run(contender, false, 0);
      const point = { tokensPerSecond, promptTokensPerSecond, peak: peakBytes / 1e9 };
      found[at] = { ...found[at], [contender.side]: point };
    }
    await keep({ points: found });
  }
}

/** Where a page's figures are. @param {string} page */
const figuresFile = (page) => join(RESULTS, `${page}.json`);

/** @param {string} name @param {import("./compare-page.mjs").Results} results */
async function write(name, results) {
  const file = figuresFile(name);
  const config = (await resolveConfig(file)) ?? {};
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(file, await format(JSON.stringify(results), { ...config, filepath: file }));
  const page = join(RESULTS, `${name}.md`);
  const all = { rows: [...ROWS, ...LATE_ROWS], growths: GROWTHS, memories: MEMORY_ROWS };
  const text = pageOf(results, all, name);
  writeFileSync(page, await format(text, { ...config, filepath: page }));
}

/** @param {Workplace} workplace @returns {{ name: string, measured: (keep: (found: Partial<Measured>) => Promise<void>) => Promise<void> }[]} */
function allRows(workplace) {
  const one = (/** @type {import("./compare-rows.mjs").Row} */ row) => ({
    name: row.name,
    measured: async (/** @type {(found: Partial<Measured>) => Promise<void>} */ keep) =>
      keep(await measureRow(workplace, row)),
  });
  return [
    ...ROWS.map(one),
    ...GROWTHS.map((growth) => ({
      name: growth.name,
      measured: (/** @type {(found: Partial<Measured>) => Promise<void>} */ keep) =>
        measureGrowth(workplace, growth, keep),
    })),
    ...MEMORY_ROWS.map(({ name, memory }) => ({
      name,
      measured: async (/** @type {(found: Partial<Measured>) => Promise<void>} */ keep) =>
        keep({
          memory: await measure(process.execPath, [join(import.meta.dirname, "memory.mjs"), ...memory]),
        }),
    })),
    ...LATE_ROWS.map(one),
  ];
}

/**
 * @param {Asked} asked
 * @throws {Error} with the rows' names, where none is named so, and nothing is written then; at the end, where some rows could not be measured.
 */
export async function compare(asked) {
  const { only = "", page = "bench" } = asked;
  const parts = only.split(",");
  const workplace = new Workplace(asked);
  try {
    const rows = allRows(workplace);
    const names = new Set(rows.map(({ name }) => name));
    const chosen = rows.filter(({ name }) =>
      parts.some((part) => (names.has(part) ? name === part : name.includes(part))),
    );
    if (chosen.length === 0)
      throw new Error(`No row is named like "${only}"; there are: ${[...names].join("; ")}.`);
    const file = figuresFile(page);
    /** @type {Record<string, Measured>} */
    const results = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
    await write(page, results);
    const failed = [];
    for (const { name, measured } of chosen) {
      const started = Date.now();
      try {
        await measured(async (found) => {
          const minutes = (Date.now() - started) / 60_000;
          const date = new Date().toISOString().slice(0, 10);
          results[name] = {
            machine: machine(),
            date,
            versions: await workplace.versions(),
            minutes,
            ...(name === "choose" && asked.prompts !== undefined && { prompts: asked.prompts }),
            ...(asked.busy && { busy: true }),
            ...found,
          };
          await write(page, results);
          console.log(`${name}: ${JSON.stringify(results[name])}`);
        });
      } catch (error) {
        failed.push(name);
        console.error(`${name} was not measured. ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (failed.length > 0) throw new Error(`Not measured: ${failed.join(", ")}.`);
  } finally {
    rmSync(workplace.folder, { recursive: true, force: true });
  }
}
