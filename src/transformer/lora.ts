import type { RandomStream } from "../core/random.js";
import { add, matMul, mul, type Graph, type Value } from "../graph/index.js";
import type { ModelConfig } from "./config.js";
import type { Linear, Parameter } from "./decoder.js";
import { linearModules } from "./decoder.js";
import type { LoraAdapter } from "./peft.js";

/** Which linears get an adapter, and how large it is (Hu et al. 2021). */
export interface LoraOptions {
  /** r ≥ 1. Default 16. */
  readonly rank?: number;
  /** α; the update is scaled by α/r. Default 2·rank. */
  readonly alpha?: number;
  /** Names of linears, such as `q_proj`. Default: all seven of a layer. */
  readonly targetModules?: readonly string[];
}

/** The linears of a Llama layer. */
export const ALL_LINEARS = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

/** Graph inputs of one adapted linear: A [r, in] and B [out, r], as PEFT stores them. */
export interface LoraInputs {
  readonly module: string;
  readonly a: Value;
  readonly b: Value;
}

/**
 * A linear y = x Wᵀ that adds scaling · (x Aᵀ) Bᵀ on the target modules, with A, B and the scaling fed at each run: one
 * session serves the base (B = 0) and every adapter of any rank.
 * @returns the linear, and the inputs that it has made once the graph is built.
 */
export function loraLinear(
  graph: Graph,
  config: ModelConfig,
  parameter: Parameter,
  targetModules: readonly string[],
): { readonly linear: Linear; readonly inputs: LoraInputs[] } {
  const inputs: LoraInputs[] = [];
  const scaling = graph.input("lora.scaling", "float32", []);
  const sizes = new Map(
    linearModules(config).map(({ module, inFeatures, outFeatures }) => [module, { inFeatures, outFeatures }]),
  );
  const linear: Linear = (x, module) => {
    const base = matMul(x, parameter(`${module}.weight`), { transB: true });
    if (!targetModules.includes(module.slice(module.lastIndexOf(".") + 1))) return base;
    const { inFeatures, outFeatures } = sizes.get(module)!;
    const a = graph.input(`${module}.lora_A`, "float32", ["rank", inFeatures]);
    const b = graph.input(`${module}.lora_B`, "float32", [outFeatures, "rank"]);
    inputs.push({ module, a, b });
    const low = mul(matMul(x, a, { transB: true }), scaling);
    return add(base, matMul(low, b, { transB: true }));
  };
  return { linear, inputs };
}

/**
 * A fresh adapter that changes nothing: A uniform in ±1/√in (PEFT's Kaiming initialization), B zero.
 */
export function newAdapter(config: ModelConfig, options: LoraOptions, stream: RandomStream): LoraAdapter {
  const { rank = 16, alpha = 2 * rank, targetModules = ALL_LINEARS } = options;
  const weights = new Map<
    string,
    { a: Float32Array; b: Float32Array; inFeatures: number; outFeatures: number }
  >();
  for (const { module, inFeatures, outFeatures } of linearModules(config)) {
    if (!targetModules.includes(module.slice(module.lastIndexOf(".") + 1))) continue;
    const bound = 1 / Math.sqrt(inFeatures);
    const a = Float32Array.from({ length: rank * inFeatures }, () => (2 * stream.next() - 1) * bound);
    weights.set(module, { a, b: new Float32Array(outFeatures * rank), inFeatures, outFeatures });
  }
  return { rank, alpha, targetModules: [...targetModules], weights };
}
