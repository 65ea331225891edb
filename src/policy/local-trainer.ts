import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import { continuedAdapter, copyAdapter, newAdapter } from "../transformer/decoder/lora.js";
import type { HeldWeights } from "../transformer/decoder/hold.js";
import type { TokenPair, Weights } from "../transformer/decoder/sequence-pass.js";
import { loadAdapter, saveAdapter, type LoraAdapter } from "../transformer/format/peft.js";
import { loadModel, type Model } from "../transformer/model.js";
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
    parameters: ({ rank, targetModules }) => {
      const lora = { rank, ...(targetModules && { targetModules }) };
      const { weights, replaced, scaled } = newAdapter(config, lora, randomStream(0, "adapter"));
      const whole = [...(replaced ?? [])].reduce(
        (sum, [name, { data }]) => sum + (scaled?.includes(name) ? 1 : data.length),
        0,
      );
      return [...weights.values()].reduce((sum, { a, b }) => sum + a.length + b.length, whole);
    },
    start: (options) => localTrainer(policy, options),
    withAdapter: async (folder, name) => policy.withAdapter(await loadAdapter(folder), name),
  };
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

/** @throws UsageError for a model whose weights were rounded. */
async function localTrainer(
  policy: LocalPolicy,
  { rank, alpha, targetModules, clipNorm, weightDecay, seed, from }: TrainerOptions,
): Promise<Trainer<LoraAdapter>> {
  const { runtime } = policy;
  const { model, engine, maxLength } = runtime;
  if (!policy.can.trains)
    throw new UsageError(QUANTIZED_TRAINING, {
      reason: "quantized-training",
      where: policy.name,
      remedy: TO_TRAIN,
    });
  const lora = { rank, alpha, ...(targetModules && { targetModules }) };
  const start = from === undefined ? undefined : await loadAdapter(from);
  const frozen = await frozenWeights(model, targetModules, start);
  const weights = isHeld(frozen) ? floatsOf(frozen) : frozen;
  const stream = randomStream(seed, "adapter");
  const adapter =
    start === undefined
      ? newAdapter(model.config, lora, stream, weights)
      : continuedAdapter(model.config, lora, stream, weights, start);
  const options = { clipNorm, weightDecay, maxLength, ...runtime.forTraining };
  const trainer = await Engine.lora(engine, model.config, frozen, adapter, options);
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
    policy: (name) => policy.withAdapter(adapter, name),
    adapter: () => Promise.resolve(copyAdapter(adapter)),
    exportAdapter: (folder) => saveAdapter(folder, adapter, policy.name),
    save: (path, metadata) => trainer.saveCheckpoint(path, metadata),
    load: (path) => trainer.loadCheckpoint(path),
    dispose: () => trainer.dispose(),
  };
}
