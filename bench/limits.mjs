/**
 * One process measures a step of drawing beside what bounds it, and prints a line of JSON: `node bench/limits.mjs '{"model":"smollm2","rows":52}'`.
 * Of many rows the bound is the time of the linears and the head at the float limit: their floating-point operations at the best rate that
 * ONNX Runtime reaches in any one of these products, in float32 and with as many rows and threads. Of one row it is the time to read what is held and the
 * keys and values of earlier tokens once, at the best rate at which ONNX Runtime reads a float32 matrix of 512 MiB for a product of few rows.
 * `times` is the step's time over the bound; a step's is the least of `rounds` differences of a long draw and a short one, after one to warm up.
 */
import { randomStream } from "../dist/core/random.js";
import { Engine, Graph, add, matMul, slice } from "../dist/graph/index.js";
import { loadModel } from "../dist/transformer/model.js";
import { Runtime } from "../dist/transformer/runtime.js";
import { realModelPath } from "../scripts/fetch-model.mjs";

const { model: name, quantize, rows, threads, rounds = 3 } = JSON.parse(process.argv[2] ?? "{}");
const PROMPT = 100;
const [SHORT, LONG] = [8, 56];
const path = ["smollm2", "qwen", "gemma"].includes(name) ? realModelPath(name) : name;
const model = await loadModel(path, { quantize });
const { config, weights, held } = model;
const lone = rows === 1;
const runtime = new Runtime(
  { ...model, config: { ...config, eosTokenIds: [] } },
  { threads, loneRow: lone && quantize !== undefined },
);

/** @param {() => Promise<unknown>} work */
async function secondsOf(work) {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Seconds of a draw of `tokens` tokens a row. @param {number} tokens */
function draw(tokens) {
  const stream = randomStream(1, "bench prompts");
  const prompt = Array.from({ length: PROMPT }, () => stream.integer(config.vocabSize));
  const requests = Array.from({ length: rows }, (_, index) => ({ tag: index, prompt, promptKey: 1, index }));
  // As of a server, whose requests come in time.
  async function* asked() {
    yield* requests;
  }
  return secondsOf(async () => {
    const options = { temperature: 1, maxTokens: tokens, seed: 1, rows: Math.max(rows, 4) };
    for await (const _ of runtime.draw(lone ? asked() : requests, options));
  });
}

await draw(2);
const steps = [];
for (let round = 0; round < rounds; round++) {
  const short = await draw(SHORT);
  steps.push(((await draw(LONG)) - short) / (LONG - SHORT));
}
const stepSeconds = Math.min(...steps);
await runtime.dispose();

/** Least seconds of some runs of a graph. @param {Graph} graph @param {Record<string, import("../dist/graph/index.js").Tensor>} feeds */
async function least(graph, feeds) {
  const engine = new Engine({ threads });
  const session = await engine.session(graph);
  await session.run(feeds);
  const times = [];
  for (let run = 0; run < 5; run++) times.push(await secondsOf(() => session.run(feeds)));
  await engine.dispose();
  return Math.min(...times);
}

/** @param {number} count @param {number} columns @returns {import("../dist/graph/index.js").Tensor} */
const ones = (count, columns) => ({
  type: "float32",
  dims: [count, columns],
  data: new Float32Array(count * columns).fill(1),
});

/** Floating-point operations a second of products of `rows` rows with matrices of one shape. @param {number} columns @param {number} outputs */
async function rate(columns, outputs) {
  const flops = 2 * rows * columns * outputs;
  const count = Math.max(1, Math.ceil(2e9 / flops));
  const graph = new Graph();
  const x = graph.input("x", "float32", [rows, columns]);
  // A column of each product is asked for, so that none is left out, and nothing large is copied.
  const parts = Array.from({ length: count }, (_, i) => {
    const data = new Float32Array(columns * outputs).fill(1 / columns);
    const matrix = graph.initializer(`w${i}`, "float32", [columns, outputs], data);
    return slice(matMul(x, matrix), 1, 0, 1);
  });
  graph.output(
    "y",
    parts.reduce((sum, part) => add(sum, part)),
  );
  return (count * flops) / (await least(graph, { x: ones(rows, columns) }));
}

/** Bytes a second, of a matrix that no cache holds: the better of a product of one row and of four. */
async function reading() {
  const [columns, outputs] = [8192, 16384];
  const data = new Float32Array(columns * outputs);
  const seconds = [];
  for (const count of [1, 4]) {
    const graph = new Graph();
    const x = graph.input("x", "float32", [count, columns]);
    const matrix = graph.initializer("w", "float32", [columns, outputs], data);
    graph.output("y", slice(matMul(x, matrix), 1, 0, 1));
    seconds.push(await least(graph, { x: ones(count, columns) }));
  }
  return data.byteLength / Math.min(...seconds);
}

/** The linears' shapes and the head's: [inputs, outputs], each with how many there are. */
function matrices() {
  const found = new Map();
  for (const [matrix, { shape }] of weights) {
    const [outputs = 0, columns = 0] = shape;
    if (shape.length < 2 || (matrix.includes("embed_tokens") && !config.tieWordEmbeddings)) continue;
    const key = `${columns} ${outputs}`;
    found.set(key, { columns, outputs, count: (found.get(key)?.count ?? 0) + 1 });
  }
  return [...found.values()];
}

async function bound() {
  if (!lone) {
    const shapes = matrices();
    const flops = shapes.reduce(
      (all, { columns, outputs, count }) => all + 2 * rows * columns * outputs * count,
      0,
    );
    const rates = [];
    for (const { columns, outputs } of shapes) rates.push(await rate(columns, outputs));
    return { boundSeconds: flops / Math.max(...rates), rates: rates.map((each) => each / 1e9), flops };
  }
  const inMemory = [...weights.values()].reduce((all, { data }) => all + data.byteLength, 0);
  const behind = PROMPT + (SHORT + LONG) / 2;
  const caches = 2 * config.layers * config.kvHeads * config.headDim * 4 * behind;
  const bytes = (held?.bytes ?? inMemory) + caches;
  const perSecond = await reading();
  return { boundSeconds: bytes / perSecond, bytes, gigabytesPerSecond: perSecond / 1e9 };
}

const { boundSeconds, ...more } = await bound();
console.log(
  JSON.stringify({
    ...{ times: stepSeconds / boundSeconds, stepMs: 1000 * stepSeconds, boundMs: 1000 * boundSeconds },
    ...more,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
