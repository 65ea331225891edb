import { UsageError } from "../core/errors.js";
import { memoryLeft } from "../core/free-memory.js";
import { gigabytes } from "../core/gigabytes.js";
import { randomStream } from "../core/random.js";
import { continuedAdapter, copyAdapter, newAdapter, wholeModel } from "../transformer/decoder/lora.js";
import type { HeldWeights } from "../transformer/decoder/hold.js";
import type { TokenPair } from "../transformer/decoder/packing.js";
import type { Weights } from "../transformer/decoder/sequence-pass.js";
import { tensorShapes } from "../transformer/families/config.js";
import { saveAdapter, type LoraAdapter } from "../transformer/format/peft.js";
import { mergedWeights, writeMerged } from "../transformer/merge.js";
import { loadModel, type Model } from "../transformer/model.js";
import { loadTrained } from "../transformer/trained-folder.js";
import { bytesOfFullTraining } from "../transformer/train/pass-memory.js";
import { isHeld } from "../transformer/train/training-graph.js";
import { Trainer as Engine } from "../transformer/train/trainer.js";
import { requireAbility } from "./capabilities.js";
import { QUANTIZED_TRAINING, TO_TRAIN } from "./local-draws.js";
import { LocalPolicy } from "./local-policy.js";
import type { Policy, ScoreRequest } from "./policy.js";
import type { Trainer, TrainerOptions, Trainers } from "./trainer.js";

/**
 * Who trains adapters of this policy: this machine, where its weights are here.
 * @param who needs it, for the error.
 * @throws UsageError where it cannot be trained.
 */
export function trainersOf(policy: Policy, who: string): Trainers<LoraAdapter> {
  requireAbility(policy, "trains", who);
  if (policy instanceof LocalPolicy) return localTrainers(policy);
  throw new UsageError(`${who} needs a trainer of ${policy.name}: give one, or use a model on this machine.`);
}

/** Trains adapters of a local model on its own engine. */
export function localTrainers(policy: LocalPolicy): Trainers<LoraAdapter> {
  const { config } = policy.runtime.model;
  return {
    vocabularySize: config.vocabSize,
    base: policy,
    noFull: whyNoFull(policy),
    parameters: ({ rank, targetModules, full }) => {
      if (full) return valuesOf(policy);
      const lora = { rank, ...(targetModules && { targetModules }) };
      const { weights, replaced, scaled } = newAdapter(config, lora, randomStream(0, "adapter"));
      const whole = [...(replaced ?? [])].reduce(
        (sum, [name, { data }]) => sum + (scaled?.includes(name) ? 1 : data.length),
        0,
      );
      return [...weights.values()].reduce((sum, { a, b }) => sum + a.length + b.length, whole);
    },
    start: (options) => localTrainer(policy, options),
    withAdapter: async (folder, name) => policy.withAdapter(await loadTrained(folder, config), name),
  };
}

/** How many numbers a model's weights are. */
function valuesOf({ runtime }: LocalPolicy): number {
  let values = 0;
  for (const shape of tensorShapes(runtime.model.config).values())
    values += shape.reduce((product, size) => product * size, 1);
  return values;
}

/** Why every weight of a model cannot be trained here; undefined where it can. */
function whyNoFull({ name, runtime }: LocalPolicy): string | undefined {
  const { model, forTraining } = runtime;
  if (model.quantization !== undefined)
    return `Full fine-tuning changes every weight, and those of ${name} are ${model.quantization === "keep" ? "kept as they are stored" : "rounded"}: hold it in float32, or train an adapter.`;
  if (model.held !== undefined)
    return `Full fine-tuning is for models of at most 1 GiB in float32, and ${name} is larger: train an adapter.`;
  const [need, left] = [bytesOfFullTraining(model.config), memoryLeft(forTraining.memory)];
  if (need <= left) return undefined;
  return `Full fine-tuning of ${name} needs about ${gigabytes(need)} of memory beside the model, and ${gigabytes(Math.max(0, left))} are free: train an adapter.`;
}

/** The weights that an adapter is trained over. A head that is to be replaced begins as the base's, and has to be read whole. */
async function frozenWeights(
  { held, weights, folder }: Model,
  targets: readonly string[] = [],
  from: LoraAdapter | undefined,
): Promise<Weights | HeldWeights> {
  if (held === undefined) return weights;
  const replacesHead = targets.includes("lm_head") || from?.replaced?.has("lm_head.weight") === true;
  return replacesHead ? (await loadModel(folder, { whole: true })).weights : held;
}

/** Of weights that are held once, those in memory: norms and biases. */
function floatsOf({ weights }: HeldWeights): Weights {
  const inMemory = [...weights].flatMap(([name, { shape, data }]) =>
    data instanceof Float32Array ? [[name, { shape, data }] as const] : [],
  );
  return new Map(inMemory);
}

/** What is trained, as it is at first, and the weights that it is trained over. @throws UsageError for every weight of a model that cannot be. */
async function beginning(
  policy: LocalPolicy,
  { rank, alpha, targetModules, full, seed, from }: TrainerOptions,
): Promise<{ readonly adapter: LoraAdapter; readonly frozen: Weights | HeldWeights }> {
  const { model } = policy.runtime;
  const { config } = model;
  const start = from === undefined ? undefined : await loadTrained(from, config);
  if (full) {
    const refusal = whyNoFull(policy);
    if (refusal !== undefined) throw new UsageError(refusal);
    return {
      adapter: wholeModel(start ? mergedWeights(model, start) : model.weights),
      frozen: model.weights,
    };
  }
  const lora = { rank, alpha, ...(targetModules && { targetModules }) };
  const frozen = await frozenWeights(model, targetModules, start);
  const weights = isHeld(frozen) ? floatsOf(frozen) : frozen;
  const stream = randomStream(seed, "adapter");
  const adapter =
    start === undefined
      ? newAdapter(config, lora, stream, weights)
      : continuedAdapter(config, lora, stream, weights, start);
  return { adapter, frozen };
}

/** @throws UsageError for a model whose weights were rounded. */
async function localTrainer(policy: LocalPolicy, options: TrainerOptions): Promise<Trainer<LoraAdapter>> {
  const { clipNorm, weightDecay } = options;
  const { runtime } = policy;
  const { model, engine, maxLength } = runtime;
  if (!policy.can.trains)
    throw new UsageError(QUANTIZED_TRAINING, {
      reason: "quantized-training",
      where: policy.name,
      remedy: TO_TRAIN,
    });
  const { adapter, frozen } = await beginning(policy, options);
  const settings = { clipNorm, weightDecay, maxLength, ...runtime.forTraining };
  const trainer = await Engine.lora(engine, model.config, frozen, adapter, settings);
  const settled = async (): Promise<LoraAdapter> => {
    await trainer.settle();
    return adapter;
  };
  const pairs = (sequences: readonly ScoreRequest[]): Promise<TokenPair[]> => policy.pairsOf(sequences);
  return {
    get steps() {
      return trainer.steps;
    },
    // The trainer's own graph would run the backward pass as well: 2.5 times the time.
    logProbs: async (sequences) => {
      const scores = await runtime.score(await pairs(sequences), {
        targetModules: adapter.targetModules,
        replaced: [...(adapter.replaced?.keys() ?? [])],
        feeds: trainer.parameterFeeds,
        dispose: () => Promise.resolve(),
      });
      return scores.map(({ logProbs }) => logProbs);
    },
    forwardBackward: async (sequences, weights) => trainer.forwardBackward(await pairs(sequences), weights),
    optimStep: (rate) => trainer.optimStep(rate),
    policy: async (name) => policy.withAdapter(await settled(), name),
    adapter: async () => copyAdapter(await settled()),
    exportAdapter: async (folder) => {
      const now = await settled();
      await (now.whole ? writeMerged(folder, model, now) : saveAdapter(folder, now, policy.name));
    },
    save: (path, metadata) => trainer.saveCheckpoint(path, metadata),
    load: (path) => trainer.loadCheckpoint(path),
    dispose: () => trainer.dispose(),
  };
}
