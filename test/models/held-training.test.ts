/** Training over weights that are held once, and with layers computed again: the gradients of the plain pass over the same values. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { Engine } from "../../src/graph/index.js";
import { blockModel, heldModel } from "../../src/transformer/block-models.test-helper.js";
import { ALL_LINEARS, newAdapter } from "../../src/transformer/decoder/lora.js";
import type { LoraAdapter } from "../../src/transformer/format/peft.js";
import { openWeights } from "../../src/transformer/format/weights.js";
import type { Model } from "../../src/transformer/model.js";
import {
  largestDifference,
  modelOfIds,
  randomAdapter,
  randomModel,
  testdata,
} from "../../src/transformer/tiny-models.test-helper.js";
import { Trainer, type TrainerOptions } from "../../src/transformer/train/trainer.js";

const cache = mkdtempSync(join(tmpdir(), "whetstone-held-training-"));
beforeAll(() => void vi.stubEnv("XDG_CACHE_HOME", cache));
const engine = new Engine({ threads: 1 });
afterAll(async () => {
  await engine.dispose();
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const PAIRS = [
  { prompt: [3, 1, 4], response: [1, 5, 9, 2] },
  { prompt: [2], response: [7, 1, 8] },
  { prompt: [5, 6], response: [8] },
];
const WEIGHTS = [0.25, 1, -0.5];

async function gradientsOf(model: Model, adapter: LoraAdapter, options: Partial<TrainerOptions> = {}) {
  const trainer = await Trainer.lora(engine, model.config, model.held ?? model.weights, adapter, {
    maxLength: 32,
    ...options,
  });
  try {
    return { names: trainer.names, ...(await trainer.gradients(PAIRS, WEIGHTS)) };
  } finally {
    await trainer.dispose();
  }
}

/** That a loss and its gradients are another's, to 1e-4 of the largest of each tensor. */
function expectSame(found: Awaited<ReturnType<typeof gradientsOf>>, expected: typeof found): void {
  expect(found.names).toEqual(expected.names);
  expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-4 * Math.abs(expected.loss));
  expected.gradients.forEach((gradient, i) => {
    const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest, expected.names[i]).toBeGreaterThan(0);
    expect(largestDifference(found.gradients[i]!, gradient), expected.names[i]).toBeLessThan(1e-4 * largest);
  });
}

const adapterOf = ({ config }: Model): LoraAdapter =>
  randomAdapter(
    newAdapter(config, { rank: 4, targetModules: ALL_LINEARS }, randomStream(1, "adapter")),
    2,
    0.1,
  );

it.each([true, false])("over kept blocks (tied: %s)", async (tied) => {
  const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16, tieWordEmbeddings: tied };
  const { source, dequantized } = blockModel(await randomModel(wide, 7), cache);
  const adapter = adapterOf(dequantized);
  const expected = await gradientsOf(dequantized, adapter);
  const held = await heldModel(dequantized, source, "keep");
  expectSame(await gradientsOf(held, adapter), expected);
  expectSame(await gradientsOf(held, adapter, { checkpointing: true }), expected);
});

it.each([
  ["gemma3", "keep"],
  ["qwen2", "keep"],
  ["phi3", "float32"],
] as const)("over %s held in its file's floats (%s)", async (name, way) => {
  const folder = join(testdata, "families", name);
  const source = await openWeights(folder);
  const model = await modelOfIds(folder);
  const own = {
    targetModules: name === "phi3" ? ["qkv_proj", "gate_up_proj", "down_proj", "o_proj"] : ALL_LINEARS,
  };
  const plain = newAdapter(model.config, { rank: 4, ...own }, randomStream(1, "adapter"));
  const adapter = randomAdapter(plain, 2, 0.1);
  const expected = await gradientsOf(model, adapter);
  const held = await heldModel(model, source, way);
  await source.close();
  expectSame(await gradientsOf(held, adapter, { checkpointing: true }), expected);
});

it("with layers computed again, where told to and where a pass does not fit", async () => {
  const model = await randomModel();
  const adapter = adapterOf(model);
  const expected = await gradientsOf(model, adapter, { checkpointing: false });
  expectSame(await gradientsOf(model, adapter, { checkpointing: true }), expected);
  // The process has more than a byte already.
  expectSame(await gradientsOf(model, adapter, { memory: 1 }), expected);
});

it("changes its mind at the first batch that does not fit, and learns on", async () => {
  const model = await randomModel();
  const adapter = adapterOf(model);
  const memory = process.memoryUsage.rss() + 300e6;
  const options = { maxLength: 96, memory, maxTokensPerPass: 1e6 };
  const trainer = await Trainer.lora(engine, model.config, model.weights, adapter, options);
  const small = await trainer.gradients(PAIRS, WEIGHTS);
  const long = Array.from({ length: 400 }, (_, i) => ({
    prompt: [1 + (i % 50)],
    response: Array.from({ length: 80 }, (__, t) => 2 + ((i + 7 * t) % 90)),
  }));
  const { loss } = await trainer.gradients(
    long,
    long.map(() => 1),
  );
  expect(loss).toBeGreaterThan(400 * 80);
  expect(await trainer.gradients(PAIRS, WEIGHTS).then((found) => found.loss)).toBeCloseTo(small.loss, 4);
  await trainer.dispose();
});
