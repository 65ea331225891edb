import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../core/errors.js";
import {
  DEVICES,
  deviceModels,
  scatterModel,
  scatterName,
  storeGraphs,
  type Device,
  type StoredGraphs,
} from "../graph/index.js";
import type { RaceSettings } from "../page/race/frames.js";
import { renderRace } from "../page/race/race-page.js";
import { RACE_EXAMPLES } from "../serve/race-route.js";
import { decodeGraph, prefixGraph } from "../transformer/decode/decode-graph.js";
import { ordinaryLength } from "../transformer/decoder/rotary.js";
import type { Model } from "../transformer/model.js";
import { demoRewards } from "./demo-track.js";
import { closureOf } from "./modules.js";
import type { StoredDemoGraphs, StoredModel } from "./stored-model.js";

const BUILT = join(import.meta.dirname, "..");
const ENTRY = "demo/main.js";
/** Which version of ONNX Runtime for browsers the page is made with: that of Node's. */
const RUNTIME_VERSION = "1.30.0";
/** ONNX Runtime's files for each way to compute: where browsers have WebGPU, it needs a larger one, which others do not fetch. */
const RUNTIMES = [
  { name: "onnxruntime-web", module: "ort.wasm.bundle.min.mjs", wasm: "ort-wasm-simd-threaded.wasm" },
  {
    name: "onnxruntime-web/webgpu",
    module: "ort.webgpu.bundle.min.mjs",
    wasm: "ort-wasm-simd-threaded.asyncify.wasm",
  },
] as const;
/** N that a page begins with, and the most: one thread of a browser draws it. */
const BEST_OF = 8;
const MOST_BEST_OF = 64;
const INTRO =
  "A small model that plays the Game of 24 draws N candidates and chooses one by what it thinks of them itself. It runs in this page: " +
  "nothing is sent anywhere. A token is tinted the more, the less likely it was. Whoever can no longer win turns grey.";

/** Where ONNX Runtime for browsers lies. @throws UsageError where it is not installed. */
function runtimeFolder(require: NodeJS.Require): string {
  try {
    return dirname(require.resolve(`onnxruntime-web/${RUNTIMES[0].wasm}`));
  } catch {
    throw new UsageError(
      `A page that draws by itself needs onnxruntime-web, which is not installed: npm install onnxruntime-web@${RUNTIME_VERSION}.`,
    );
  }
}

/** @throws UsageError for a folder with something else in it. */
function checkFolder(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return;
  if (existsSync(join(folder, "model", "model.json"))) return;
  throw new UsageError(`${folder} has something else in it; name a new folder, or an empty one.`);
}

/**
 * Writes a folder that any static server can serve: a page in which a model draws and chooses by itself, by WebAssembly.
 * @param model with its weights in memory, and a tokenizer.json in its folder.
 * @throws UsageError where ONNX Runtime for browsers is not installed, or the folder holds something else.
 */
export async function writeDemo(folder: string, model: Model): Promise<void> {
  checkFolder(folder);
  const require = createRequire(import.meta.url);
  const runtime = runtimeFolder(require);
  const { files, packages } = closureOf(BUILT, ENTRY);
  for (const part of ["app", "packages", "model"]) await mkdir(join(folder, part), { recursive: true });
  for (const [name, text] of files) {
    await mkdir(dirname(join(folder, "app", name)), { recursive: true });
    await writeFile(join(folder, "app", name), text);
  }
  const imports: Record<string, string> = {};
  for (const { name, module, wasm } of RUNTIMES) {
    const file = `packages/${name.replaceAll("/", "-")}.js`;
    await copyFile(join(runtime, module), join(folder, file));
    await copyFile(join(runtime, wasm), join(folder, "packages", wasm));
    imports[name] = `./${file}`;
  }
  for (const name of packages) {
    const file = `packages/${name.replace(/^@/, "").replaceAll("/", "-")}.js`;
    await copyFile(fileURLToPath(import.meta.resolve(name)), join(folder, file));
    imports[name] = `./${file}`;
  }
  await writeModel(join(folder, "model"), model);
  await writeFile(join(folder, "index.html"), demoPage(model.name, imports));
}

async function writeModel(folder: string, model: Model): Promise<void> {
  const { name, config } = model;
  const longest = ordinaryLength(config, config.maxPositions);
  const json = async (file: string): Promise<object> =>
    JSON.parse(await readFile(join(model.folder, file), "utf8")) as object;
  const several = 2 * config.layers;
  const helpers = { ...deviceModels(), [scatterName(several)]: scatterModel(several) };
  const coded = Object.entries(helpers).map(
    ([of, bytes]) => [of, Buffer.from(bytes).toString("base64")] as const,
  );
  const stored: StoredModel = {
    ...{ name, config, longest },
    tokenizer: await json("tokenizer.json"),
    tokenizerConfig: await json("tokenizer_config.json"),
    graphs: await writeGraphs(folder, "", graphsOf(model, longest, DEVICES.cpu)),
    gpu: {
      graphs: await writeGraphs(folder, "gpu-", graphsOf(model, longest, DEVICES.webgpu)),
      helpers: Object.fromEntries(coded),
    },
  };
  await writeFile(join(folder, "model.json"), JSON.stringify(stored));
}

function graphsOf({ config, weights }: Model, maxLength: number, device: Device): StoredGraphs {
  const options = { maxLength };
  const graphs = {
    decode: decodeGraph(config, weights, options, true),
    tempered: decodeGraph(config, weights, options, false),
    prefix: prefixGraph(config, weights, options),
  };
  return storeGraphs(graphs, device);
}

/** Writes graphs and their constants. @returns what is to be known of them. */
async function writeGraphs(
  folder: string,
  prefix: string,
  { graphs, constants }: StoredGraphs,
): Promise<StoredDemoGraphs> {
  for (const [graph, { model }] of Object.entries(graphs))
    await writeFile(join(folder, `${prefix}${graph}.onnx`), model);
  await writeFile(join(folder, `${prefix}constants.bin`), constants);
  const known = Object.entries(graphs).map(([graph, { graph: stored }]) => [graph, stored] as const);
  return Object.fromEntries(known) as StoredDemoGraphs;
}

function demoPage(name: string, imports: Readonly<Record<string, string>>): string {
  const settings: RaceSettings = {
    ...{ model: name, bestOf: BEST_OF, mostBestOf: MOST_BEST_OF, reward: "log-likelihood", needsKey: false },
    rewards: demoRewards.map(({ name, description }) => ({ name, description })),
    runs: false,
    examples: RACE_EXAMPLES[name] ?? [],
  };
  return renderRace(settings, INTRO, { entry: `./app/${ENTRY}`, imports, wasm: true }).markup;
}
