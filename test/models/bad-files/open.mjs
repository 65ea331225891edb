/**
 * Opens files one after the other in a process of its own, as the library's users do, and prints for each what was said, how
 * long it took and the highest memory of the process so far.
 *
 * Arguments: the compiled package's `dist`, then pairs of an opener's name and a path. Output: one JSON object a line.
 */
/* eslint-disable @typescript-eslint/no-unsafe-call -- the modules are named at run time, by where they were compiled to */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [dist = "", ...jobs] = process.argv.slice(2);
/** @param {string} path @returns {Promise<any>} */
const load = (path) => import(pathToFileURL(join(dist, path)).href);

const { WhetstoneError } = await load("core/errors.js");
const { openSafetensors } = await load("transformer/format/safetensors.js");
const { openWeights } = await load("transformer/format/weights.js");
const { loadAdapter } = await load("transformer/format/peft.js");
const { loadModel } = await load("transformer/model.js");
const { loadConfig, tensorShapes } = await load("transformer/families/config.js");
const { loadTokenizer } = await load("transformer/text/tokenizer.js");
const { jsonlTask } = await load("task/jsonl.js");
const { readParquetRows } = await load("task/parquet.js");

/** @type {Readonly<Record<string, (path: string) => Promise<unknown>>>} */
const openers = {
  async safetensors(path) {
    const file = await openSafetensors(path);
    try {
      for (const name of file.tensors.keys()) await file.read(name);
    } finally {
      await file.close();
    }
  },
  async weights(path) {
    const source = await openWeights(path);
    try {
      for (const name of source.names()) await source.read(name);
    } finally {
      await source.close();
    }
  },
  adapter: loadAdapter,
  model: loadModel,
  config: async (path) => tensorShapes(await loadConfig(path)),
  async tokenizer(path) {
    const tokenizer = await loadTokenizer(path);
    const tokens = tokenizer.encode(`${"a".repeat(40)}! b`, { addSpecialTokens: true });
    return tokenizer.decode(tokens);
  },
  jsonl: (path) => jsonlTask(path, { grader: "numeric" }),
  async parquet(path) {
    for await (const row of readParquetRows(path, ["question"])) if (!row) return;
  },
};

for (let i = 0; i + 1 < jobs.length; i += 2) {
  const started = performance.now();
  let said = null;
  try {
    await openers[jobs[i] ?? ""]?.(jobs[i + 1] ?? "");
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    said = error instanceof WhetstoneError ? message : `NOT OURS: ${stack}`;
  }
  const result = { said, ms: performance.now() - started, peakBytes: process.resourceUsage().maxRSS * 1024 };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
