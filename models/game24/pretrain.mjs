/**
 * Trains the embedded base model from scratch with whetstone's own engine: `npm run pretrain:game24`.
 *
 * Data: random valid traces of reach-the-target, made on the fly (src/task/game24/training-data.ts); the test and
 * validation puzzles are in no example. Each batch is a function of the seed and the step alone, and a checkpoint is
 * written every 100 steps, so that a run that was stopped goes on to the same model: start it again.
 * Training stops when the loss on responses to the validation puzzles has not fallen for two looks, and the weights with the
 * lowest such loss are the model; nothing here ever reads the test puzzles.
 *
 * `-- --half --out <folder>` trains another base there, without the spare half of the training puzzles: the base that `game24-spare`
 * sharpens (docs/log.md).
 */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { randomStream } from "../../dist/core/random.js";
import { cosineSchedule, Engine, withWarmup } from "../../dist/graph/index.js";
import { promptText, trainingExample } from "../../dist/task/game24/training-data.js";
import { splitPuzzles } from "../../dist/task/game24/puzzles.js";
import { randomTrace } from "../../dist/task/game24/traces.js";
import { tensorShapes, toHuggingFaceConfig } from "../../dist/transformer/families/config.js";
import { writeSafetensors } from "../../dist/transformer/format/safetensors.js";
import { loadTokenizer } from "../../dist/transformer/text/tokenizer.js";
import { Trainer } from "../../dist/transformer/train/trainer.js";

const here = dirname(fileURLToPath(import.meta.url));
const settings = {
  seed: 24,
  /** At most; the learning rate's cosine ends here. */
  steps: 1500,
  /** Looks at the validation loss are this far apart. */
  lookEvery: 100,
  /** Looks without a lower loss after which training stops. */
  patience: 2,
  batch: 512,
  learningRate: 2e-3,
  warmup: 50,
  weightDecay: 0.01,
  beta2: 0.95,
  clipNorm: 1,
  maxLength: 32,
};
const config = {
  vocabSize: 212,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 4,
  heads: 4,
  kvHeads: 4,
  headDim: 32,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  maxPositions: 64,
  tieWordEmbeddings: true,
  bosTokenId: 1,
  eosTokenIds: [2],
  padTokenId: 0,
};

const { values } = parseArgs({
  options: {
    half: { type: "boolean", default: false },
    out: { type: "string", default: here },
    threads: { type: "string", default: `${availableParallelism()}` },
  },
});
const { out } = values;
if (values.half && out === here) {
  console.error(
    "--half trains another base than the embedded one: say where it is to lie, with --out <folder>.",
  );
  process.exit(2);
}
const tokenizer = await loadTokenizer(here);
const logFile = join(out, "pretrain-log.jsonl");
const work = join(out, "checkpoint");
const checkpoint = join(work, "state.safetensors");
const bestWeights = join(work, "best.safetensors");

/** Normal weights of standard deviation 0.02, those that write to the residual stream smaller by √(2·layers); norms 1. */
function initialWeights() {
  const stream = randomStream(settings.seed, "initial weights");
  const weights = new Map();
  for (const [name, shape] of tensorShapes(config)) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const deviation = /o_proj|down_proj/.test(name) ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
    const data = new Float32Array(size);
    for (let i = 0; i < size; i++) data[i] = shape.length === 1 ? 1 : stream.normal() * deviation;
    weights.set(name, { shape, data });
  }
  return weights;
}

/** @param {{ prompt: string, response: string }} example */
function toPair({ prompt, response }) {
  return {
    prompt: tokenizer.encode(prompt, { addSpecialTokens: true }),
    response: [...tokenizer.encode(response, { addSpecialTokens: false }), config.eosTokenIds[0] ?? 2],
  };
}

/** @param {number} step */
function batchOf(step) {
  const stream = randomStream(settings.seed, `batch ${step}`);
  return Array.from({ length: settings.batch }, () => toPair(trainingExample(stream, values.half)));
}

/** Ten random traces of each validation puzzle that has one. */
function validationPairs() {
  const stream = randomStream(settings.seed, "validation");
  return splitPuzzles("validation").flatMap(({ numbers }) =>
    Array.from({ length: 10 }, () => randomTrace(stream, numbers, 24))
      .filter((trace) => trace !== undefined)
      .map(({ text }) => toPair({ prompt: promptText(stream.shuffle(numbers), 24), response: text })),
  );
}

const engine = new Engine({ threads: Number(values.threads) });
const weights = initialWeights();
const trainer = await Trainer.full(engine, config, weights, { ...settings, maxTokensPerPass: 4096 });
mkdirSync(work, { recursive: true });
let secondsBefore = 0;
let best = { step: 0, loss: Infinity };
if (existsSync(checkpoint)) {
  const metadata = await trainer.loadCheckpoint(checkpoint);
  secondsBefore = Number(metadata.get("seconds"));
  best = { step: Number(metadata.get("bestStep")), loss: Number(metadata.get("bestLoss")) };
  // The lines after the checkpoint are written again.
  const lines = readFileSync(logFile, "utf8").trim().split("\n");
  writeFileSync(logFile, lines.filter((line) => JSON.parse(line).step <= trainer.steps).join("\n") + "\n");
} else rmSync(logFile, { force: true });

const validation = validationPairs();
const schedule = withWarmup(cosineSchedule, settings.warmup);
const started = performance.now();
const stopped = (/** @type {number} */ step) =>
  step - best.step >= settings.patience * settings.lookEvery && best.step > 0;
for (let step = trainer.steps; step < settings.steps && !stopped(step); step++) {
  const pairs = batchOf(step);
  const weight = 1 / pairs.reduce((sum, { response }) => sum + response.length, 0);
  const learningRate = settings.learningRate * schedule(step, settings.steps);
  const { loss, gradientNorm } = await trainer.step(
    pairs,
    pairs.map(() => weight),
    learningRate,
  );
  const done = step + 1;
  const seconds = Math.round(secondsBefore + (performance.now() - started) / 1000);
  if (done % 10 === 0 || done === settings.steps) {
    const line = {
      step: done,
      loss: round(loss),
      gradientNorm: round(gradientNorm),
      learningRate: round(learningRate),
      seconds,
    };
    if (done % settings.lookEvery === 0 || done === settings.steps) {
      const scores = await trainer.logProbs(validation);
      const total = scores.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0);
      const validationLoss = -total / scores.reduce((sum, row) => sum + row.length, 0);
      Object.assign(line, { validationLoss: round(validationLoss) });
      if (validationLoss < best.loss) {
        best = { step: done, loss: validationLoss };
        await writeSafetensors(bestWeights, weights);
      }
      await trainer.saveCheckpoint(checkpoint, {
        seconds: `${seconds}`,
        bestStep: `${best.step}`,
        bestLoss: `${best.loss}`,
      });
    }
    appendFileSync(logFile, `${JSON.stringify(line)}\n`);
    console.error(JSON.stringify(line));
  }
}
console.error(`The model is that of step ${best.step}, with validation loss ${round(best.loss)}.`);
copyFileSync(bestWeights, join(out, "model.safetensors"));
writeFileSync(join(out, "config.json"), `${JSON.stringify(toHuggingFaceConfig(config), null, 2)}\n`);
writeFileSync(
  join(out, "generation_config.json"),
  `${JSON.stringify({ bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 }, null, 2)}\n`,
);
if (out !== here)
  for (const name of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"])
    copyFileSync(join(here, name), join(out, name));
await trainer.dispose();
await engine.dispose();

/** @param {number} value */
function round(value) {
  return Number(value.toPrecision(6));
}
