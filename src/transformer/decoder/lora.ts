import type { RandomStream } from "../../core/random.js";
import { add, concat, matMul, mul, split, type Graph, type Value } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import type { Linear } from "./decoder.js";
import {
  ALL_LINEARS,
  FINAL_NORM,
  TEMPERATURE,
  WHOLE_WEIGHTS,
  adapterTargets,
  headName,
  lastPart,
  linearModules,
  wholeShape,
} from "../families/modules.js";
import type { LoraAdapter } from "../format/peft.js";
import type { FloatTensor } from "../format/safetensors.js";

export { ALL_LINEARS, TARGET_NAMES } from "../families/modules.js";

/** Which linears get an adapter, and how large it is (Hu et al. 2021). */
export interface LoraOptions {
  /** r ≥ 1. Default 16. */
  readonly rank?: number;
  /** α; the update is scaled by α/r. Default 2·rank. */
  readonly alpha?: number;
  /**
   * Names of linears, such as `q_proj` (see `adapterTargets`), and `norm` or `lm_head` for the final norm and the head, which are
   * trained whole, and `temperature` for one number that the final norm is multiplied by: without one of them an adapter cannot turn
   * the temperature, since the final norm undoes the scale of what precedes it.
   * Default: all linears of a layer.
   */
  readonly targetModules?: readonly string[];
}

/** Graph inputs of one adapted linear: A [r, in] and B [out, r], as PEFT stores them. */
export interface LoraInputs {
  readonly module: string;
  readonly a: Value;
  readonly b: Value;
}

/**
 * Linears y = x Wᵀ that add scaling · (x Aᵀ) Bᵀ on the target modules, with A, B and the scaling fed at each run: one
 * session serves the base (B = 0) and every adapter of any rank. The A of modules that read the same x form one matrix:
 * one product in place of several that would each be a pass over x, here and in the gradient.
 * @param plain the linears of the base.
 * @returns the linears, and the inputs that they have made once the graph is built.
 */
export function loraLinear(
  graph: Graph,
  config: ModelConfig,
  plain: Linear,
  targetModules: readonly string[],
): { readonly linear: Linear; readonly inputs: LoraInputs[] } {
  const inputs: LoraInputs[] = [];
  const scaling = graph.input("lora.scaling", "float32", []);
  const sizes = new Map(
    linearModules(config).map(({ module, inFeatures, outFeatures }) => [module, { inFeatures, outFeatures }]),
  );
  // A layer that is computed again for its gradients has the inputs that it has.
  const known = new Map<string, LoraInputs>();
  const inputsOf = (module: string): LoraInputs => {
    const made = known.get(module);
    if (made) return made;
    const { inFeatures, outFeatures } = sizes.get(module)!;
    const a = graph.input(`${module}.lora_A`, "float32", ["rank", inFeatures]);
    const b = graph.input(`${module}.lora_B`, "float32", [outFeatures, "rank"]);
    inputs.push({ module, a, b });
    known.set(module, { module, a, b });
    return { module, a, b };
  };
  const linear: Linear = (x, modules) => {
    const own = modules.filter((module) => targetModules.includes(lastPart(module))).map(inputsOf);
    const bases = plain(x, modules);
    if (own.length === 0) return bases;
    const a =
      own.length === 1
        ? own[0]!.a
        : concat(
            own.map((each) => each.a),
            0,
          );
    const low = mul(matMul(x, a, { transB: true }), scaling);
    const lows =
      own.length === 1
        ? [low]
        : split(
            low,
            own.map(() => "rank"),
            -1,
          );
    return modules.map((module, i) => {
      const at = own.findIndex((each) => each.module === module);
      return at < 0 ? bases[i]! : add(bases[i]!, matMul(lows[at]!, own[at]!.b, { transB: true }));
    });
  };
  return { linear, inputs };
}

/**
 * A fresh adapter that changes nothing: A uniform in ±1/√in (PEFT's Kaiming initialization), B zero, and copies of the weights that
 * it replaces whole.
 * @param base the model's weights by name; only needed where a weight is replaced.
 * @throws ModelError for a target that is no linear of the model.
 */
export function newAdapter(
  config: ModelConfig,
  options: LoraOptions,
  stream: RandomStream,
  base?: ReadonlyMap<string, FloatTensor>,
): LoraAdapter {
  const { rank = 16, alpha = 2 * rank } = options;
  const names = options.targetModules ?? ALL_LINEARS;
  const named = names.flatMap((name) => WHOLE_WEIGHTS[name] ?? []);
  // A norm that is trained whole can turn the temperature by itself.
  const scaled = names.includes(TEMPERATURE) && !named.includes(FINAL_NORM) ? [FINAL_NORM] : [];
  const whole = [...new Set([...named, ...scaled])];
  const targetModules = adapterTargets(
    config,
    names.filter((name) => name !== TEMPERATURE && !(name in WHOLE_WEIGHTS)),
  );
  const weights = new Map<
    string,
    { a: Float32Array; b: Float32Array; inFeatures: number; outFeatures: number }
  >();
  for (const { module, inFeatures, outFeatures } of linearModules(config)) {
    if (!targetModules.includes(lastPart(module))) continue;
    const bound = 1 / Math.sqrt(inFeatures);
    const a = Float32Array.from({ length: rank * inFeatures }, () => (2 * stream.next() - 1) * bound);
    weights.set(module, { a, b: new Float32Array(outFeatures * rank), inFeatures, outFeatures });
  }
  if (whole.length === 0) return { rank, alpha, targetModules, weights };
  const replaced = new Map(
    whole.map((name) => {
      const shape = wholeShape(config, name);
      // A tied head begins as the embeddings.
      const known = base?.get(name) ?? base?.get(headName(config));
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: known?.data.slice() ?? new Float32Array(size) }] as const;
    }),
  );
  return { rank, alpha, targetModules, weights, replaced, ...(scaled.length > 0 && { scaled }) };
}

/**
 * An adapter that goes on from another: the parts of that one that are targets are trained further, the others stay as they are
 * (`frozen`), and targets that it does not have begin as the base. Rank and α are those of the other where it has linears.
 * @throws ModelError for a target that is no linear of the model.
 */
export function continuedAdapter(
  config: ModelConfig,
  options: LoraOptions,
  stream: RandomStream,
  base: ReadonlyMap<string, FloatTensor>,
  from: LoraAdapter,
): LoraAdapter {
  const asked = options.targetModules ?? ALL_LINEARS;
  const wholeOf = (names: readonly string[]): string[] => names.flatMap((name) => WHOLE_WEIGHTS[name] ?? []);
  const trained = new Set([
    ...adapterTargets(
      config,
      asked.filter((name) => name !== TEMPERATURE && !(name in WHOLE_WEIGHTS)),
    ),
    ...wholeOf(asked),
    ...(asked.includes(TEMPERATURE) ? [FINAL_NORM] : []),
  ]);
  const kept = Object.keys(WHOLE_WEIGHTS).filter(
    (name) => from.replaced?.has(WHOLE_WEIGHTS[name]!) === true && !trained.has(WHOLE_WEIGHTS[name]!),
  );
  const shape = from.weights.size > 0 ? { rank: from.rank, alpha: from.alpha } : {};
  const targetModules = [...new Set([...from.targetModules, ...asked, ...kept])];
  const onto = new Map([...base, ...(from.replaced ?? [])]);
  const fresh = newAdapter(config, { ...options, ...shape, targetModules }, stream, onto);
  const copy = copyAdapter(from);
  const replaced = new Map([...(fresh.replaced ?? []), ...(copy.replaced ?? [])]);
  const frozen = [
    ...fresh.targetModules.filter((target) => !trained.has(target)),
    ...[...replaced.keys()].filter((name) => !trained.has(name)),
  ];
  return {
    ...fresh,
    weights: new Map([...fresh.weights, ...copy.weights]),
    ...(replaced.size > 0 && { replaced }),
    ...(frozen.length > 0 && { frozen }),
    ...(from.whole && { whole: from.whole }),
  };
}

/** A model's weights as what training changes, all of them: copies. They are fed in place of the base's, as an adapter's norm is. */
export function wholeModel(weights: ReadonlyMap<string, FloatTensor>): LoraAdapter {
  const replaced = new Map(
    [...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }] as const),
  );
  return { rank: 1, alpha: 1, targetModules: [], weights: new Map(), replaced, whole: true };
}

/** A copy that shares nothing with the adapter. */
export function copyAdapter(adapter: LoraAdapter): LoraAdapter {
  const weights = [...adapter.weights].map(
    ([name, pair]) => [name, { ...pair, a: pair.a.slice(), b: pair.b.slice() }] as const,
  );
  const { replaced } = adapter;
  if (replaced === undefined) return { ...adapter, weights: new Map(weights) };
  const whole = [...replaced].map(
    ([name, { shape, data }]) => [name, { shape, data: data.slice() }] as const,
  );
  return { ...adapter, weights: new Map(weights), replaced: new Map(whole) };
}
