import { ModelError } from "../../core/errors.js";
import type { BufferFeed, Engine, ResidentBuffer, Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { adapterTargets, lastPart, linearModules, wholeShape } from "../families/modules.js";
import type { LoraAdapter } from "../format/peft.js";

/** An adapter's matrices resident in an engine, as feeds of the graphs that take an adapter. */
export interface AdapterFeeds {
  readonly targetModules: readonly string[];
  /** The names of the weights that it replaces whole. */
  readonly replaced: readonly string[];
  readonly feeds: Readonly<Record<string, Tensor | BufferFeed>>;
  dispose(): Promise<void>;
}

/**
 * Checks that an adapter has matrices for each of its target modules in each layer, of the model's sizes, and no others.
 * @throws ModelError naming the first module of which that is not so.
 */
export function checkAdapter(config: ModelConfig, adapter: LoraAdapter): void {
  checkReplaced(config, adapter);
  const own = new Map(linearModules(config).map((linear) => [linear.module, linear]));
  for (const [module, { inFeatures, outFeatures }] of adapter.weights) {
    const linear = own.get(module);
    if (linear?.inFeatures !== inFeatures || linear.outFeatures !== outFeatures) {
      const has = linear ? `has it with [${linear.outFeatures}, ${linear.inFeatures}]` : "has no such linear";
      throw new ModelError(
        `the adapter is of another model: it is for ${module} with [${outFeatures}, ${inFeatures}], and this one ${has}`,
      );
    }
  }
  for (const module of own.keys()) {
    if (adapter.targetModules.includes(lastPart(module)) && !adapter.weights.has(module)) {
      throw new ModelError(
        `the adapter has no matrices for ${module}; an adapter on some of the layers is not supported`,
      );
    }
  }
}

/** @throws ModelError naming the first weight that an adapter replaces and that has another size in the model. */
export function checkReplaced(config: ModelConfig, adapter: LoraAdapter): void {
  for (const [name, { shape }] of adapter.replaced ?? []) {
    const wanted = wholeShape(config, name);
    if (shape.join() === wanted.join()) continue;
    throw new ModelError(
      `the adapter is of another model: its ${name} has the shape [${shape.join(", ")}], and this one's is [${wanted.join(", ")}]`,
    );
  }
}

/** Uploads an adapter. */
export async function adapterFeeds(engine: Engine, adapter: LoraAdapter): Promise<AdapterFeeds> {
  const feeds: Record<string, Tensor | BufferFeed> = {
    "lora.scaling": { type: "float32", dims: [], data: Float32Array.of(adapter.alpha / adapter.rank) },
  };
  const buffers: ResidentBuffer[] = [];
  const upload = async (name: string, data: Float32Array, dims: readonly number[]): Promise<void> => {
    const buffer = await engine.buffer("float32", data.length);
    await buffer.write(data);
    buffers.push(buffer);
    feeds[name] = { buffer, dims };
  };
  for (const [module, { a, b, inFeatures, outFeatures }] of adapter.weights) {
    await upload(`${module}.lora_A`, a, [adapter.rank, inFeatures]);
    await upload(`${module}.lora_B`, b, [outFeatures, adapter.rank]);
  }
  for (const [name, { data, shape }] of adapter.replaced ?? []) await upload(name, data, shape);
  const { targetModules } = adapter;
  return {
    targetModules,
    replaced: [...(adapter.replaced?.keys() ?? [])],
    feeds,
    dispose: async () => void (await Promise.all(buffers.map((buffer) => buffer.free()))),
  };
}

/** The adapter that changes nothing (B = 0, rank 1): with it, a session that takes adapters serves the base. */
export function zeroAdapter(config: ModelConfig, names: readonly string[]): LoraAdapter {
  const targetModules = adapterTargets(config, names);
  const weights = linearModules(config)
    .filter(({ module }) => targetModules.includes(lastPart(module)))
    .map(({ module, inFeatures, outFeatures }) => {
      const pair = {
        a: new Float32Array(inFeatures),
        b: new Float32Array(outFeatures),
        inFeatures,
        outFeatures,
      };
      return [module, pair] as const;
    });
  return { rank: 1, alpha: 1, targetModules, weights: new Map(weights) };
}
