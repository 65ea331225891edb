import { ModelError } from "../../core/errors.js";
import type { ModelConfig } from "./model-config.js";

/** One linear of a layer: y = x Wᵀ, with a bias in some families. */
interface LinearKind {
  /** Within its layer, such as `self_attn.q_proj`. */
  readonly path: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** One linear of a model, such as `model.layers.0.self_attn.q_proj`. */
interface LinearModule {
  readonly module: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** The linears of a layer whose parts are separate, by the last part of their names: the names that users give. */
export const ALL_LINEARS = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

/** The last part of a module's name, by which adapters name their targets. */
export function lastPart(module: string): string {
  return module.slice(module.lastIndexOf(".") + 1);
}

/** The parts of fused linears, in their order. */
const FUSED: Readonly<Record<string, readonly string[]>> = {
  qkv_proj: ["q_proj", "k_proj", "v_proj"],
  gate_up_proj: ["gate_proj", "up_proj"],
};

/** Every name of a linear that some family has: the separate ones, and the fused. */
const LINEAR_NAMES: readonly string[] = [...ALL_LINEARS, ...Object.keys(FUSED)];

/** The linears of one layer, in the order of their use. */
function linearKinds(config: ModelConfig): readonly LinearKind[] {
  const { hiddenSize, intermediateSize } = config;
  const queries = config.heads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  const kind = (path: string, inFeatures: number, outFeatures: number): LinearKind => ({
    path,
    inFeatures,
    outFeatures,
  });
  const attention = config.fusedLinears
    ? [kind("self_attn.qkv_proj", hiddenSize, queries + 2 * keys)]
    : [
        kind("self_attn.q_proj", hiddenSize, queries),
        kind("self_attn.k_proj", hiddenSize, keys),
        kind("self_attn.v_proj", hiddenSize, keys),
      ];
  const gateAndUp = config.fusedLinears
    ? [kind("mlp.gate_up_proj", hiddenSize, 2 * intermediateSize)]
    : [
        kind("mlp.gate_proj", hiddenSize, intermediateSize),
        kind("mlp.up_proj", hiddenSize, intermediateSize),
      ];
  return [
    ...attention,
    kind("self_attn.o_proj", queries, hiddenSize),
    ...gateAndUp,
    kind("mlp.down_proj", intermediateSize, hiddenSize),
  ];
}

/** Weights in groups of those that meet the same input: neighbours among the names that are the parts of what some family has fused. */
export function withSharedInput(weights: readonly string[]): string[][] {
  const inputOf = (weight: string): string => {
    const module = weight.slice(0, -".weight".length);
    const whole = Object.keys(FUSED).find((name) => FUSED[name]!.includes(lastPart(module)));
    return whole === undefined ? module : module.slice(0, -lastPart(module).length) + whole;
  };
  const groups: string[][] = [];
  for (const weight of weights) {
    const last = groups.at(-1);
    if (last && inputOf(last[0]!) === inputOf(weight)) last.push(weight);
    else groups.push([weight]);
  }
  return groups;
}

/** Every linear of the layers, with its sizes. */
export function linearModules(config: ModelConfig): LinearModule[] {
  return Array.from({ length: config.layers }, (_, layer) =>
    linearKinds(config).map(({ path, inFeatures, outFeatures }) => ({
      module: `model.layers.${layer}.${path}`,
      inFeatures,
      outFeatures,
    })),
  ).flat();
}

export const FINAL_NORM = "model.norm.weight";

/** The weights that an adapter may replace whole, by the names that users give (PEFT's modules_to_save). */
export const WHOLE_WEIGHTS: Readonly<Record<string, string>> = {
  norm: FINAL_NORM,
  lm_head: "lm_head.weight",
};

/** The target that is one number: what the final norm's weight is multiplied by, and so the logits: the inverse temperature. */
export const TEMPERATURE = "temperature";

/** Every name that an adapter's targets may have, whatever the family. */
export const TARGET_NAMES: readonly string[] = [...LINEAR_NAMES, ...Object.keys(WHOLE_WEIGHTS), TEMPERATURE];

/** The shape of a weight that an adapter may replace: a tied head is the embeddings until it has its own. */
export function wholeShape(config: ModelConfig, weight: string): readonly number[] {
  return tensorShapes(config).get(weight) ?? [config.vocabSize, config.hiddenSize];
}

/**
 * The linears that an adapter is put on, by the last part of their names, in the order asked for. Where a family has
 * linears fused, one that is named by a part is adapted whole: `q_proj` asks for Phi-3's `qkv_proj`.
 * @throws ModelError for a name that no linear of the model has.
 */
export function adapterTargets(config: ModelConfig, names: readonly string[]): string[] {
  const own = linearKinds(config).map(({ path }) => lastPart(path));
  const targets = names.map((name) => {
    const target = own.find((kind) => kind === name || FUSED[kind]?.includes(name) === true);
    if (target === undefined) {
      throw new ModelError(
        `the model has no linear "${name}" to put an adapter on; it has ${own.join(", ")}`,
      );
    }
    return target;
  });
  return [...new Set(targets)];
}

export const EMBEDDINGS = "model.embed_tokens.weight";

/**
 * The weight [vocabSize, hiddenSize] that turns hidden states into logits.
 * @param replaced the weights that an adapter replaces whole: with a head among them, a tied one is tied no more.
 */
export function headName({ tieWordEmbeddings }: ModelConfig, replaced: readonly string[] = []): string {
  return tieWordEmbeddings && !replaced.includes("lm_head.weight") ? EMBEDDINGS : "lm_head.weight";
}

/** Every weight that a model of this configuration has: Hugging Face name and shape ([out, in] for a linear). */
export function tensorShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize, vocabSize, headDim, biases = [] } = config;
  const shapes = new Map<string, readonly number[]>([[EMBEDDINGS, [vocabSize, hiddenSize]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const addNorms = (...norms: readonly string[]): void => {
      for (const norm of norms) shapes.set(`${prefix}.${norm}.weight`, [hiddenSize]);
    };
    addNorms("input_layernorm");
    for (const { path, inFeatures, outFeatures } of linearKinds(config)) {
      if (path.startsWith("mlp.") && !shapes.has(`${prefix}.post_attention_layernorm.weight`)) {
        addNorms("post_attention_layernorm");
      }
      shapes.set(`${prefix}.${path}.weight`, [outFeatures, inFeatures]);
      if (biases.includes(lastPart(path))) shapes.set(`${prefix}.${path}.bias`, [outFeatures]);
    }
    if (config.sandwichNorms) addNorms("pre_feedforward_layernorm", "post_feedforward_layernorm");
    if (config.queryKeyNorm) {
      for (const norm of ["q_norm", "k_norm"]) shapes.set(`${prefix}.self_attn.${norm}.weight`, [headDim]);
    }
  }
  shapes.set(FINAL_NORM, [hiddenSize]);
  if (!config.tieWordEmbeddings) shapes.set(headName(config), [vocabSize, hiddenSize]);
  return shapes;
}
