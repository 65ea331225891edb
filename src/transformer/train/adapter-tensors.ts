import type { Tensor, Value } from "../../graph/index.js";
import type { LoraInputs } from "../decoder/lora.js";
import type { ModelConfig } from "../families/config.js";
import { lastPart } from "../families/modules.js";
import type { LoraAdapter } from "../format/peft.js";
import type { Trained } from "./checkpoint.js";
import { multiplesOf, type Multiple } from "./multiples.js";

/** An adapter's tensors as the inputs of a graph: those that are trained, and those that are fed as they are. */
export interface AdapterTensors {
  /** The graph's inputs of what is trained, in the order of `trained`. */
  readonly inputs: readonly Value[];
  readonly trained: readonly Trained[];
  /** By the name of their input. */
  readonly fixed: Readonly<Record<string, Tensor>>;
  readonly multiples: readonly Multiple[];
}

/**
 * Sorts an adapter's tensors by whether they are trained.
 * @param linears the graph's inputs of its linears. @param whole those of the weights that it replaces, or of their one number.
 */
export function adapterTensors(
  config: ModelConfig,
  adapter: LoraAdapter,
  linears: readonly LoraInputs[],
  whole: readonly Value[],
): AdapterTensors {
  const { rank, weights, replaced, frozen = [] } = adapter;
  const multiples = multiplesOf(config, adapter);
  const fed = [
    ...linears.flatMap(({ module, a, b }) => {
      const pair = weights.get(module)!;
      const still = frozen.includes(lastPart(module));
      return [
        { input: a, still, shape: [rank, pair.inFeatures], data: pair.a },
        { input: b, still, shape: [pair.outFeatures, rank], data: pair.b },
      ];
    }),
    ...whole.map((input) => {
      const number = multiples.find((multiple) => multiple.number.name === input.name)?.number;
      const { shape, data } = number ?? replaced!.get(input.name)!;
      return { input, still: frozen.includes(input.name), shape, data };
    }),
  ];
  const learned = fed.filter(({ still }) => !still);
  const fixed = fed
    .filter(({ still }) => still)
    .map(({ input, shape: dims, data }) => [input.name, { type: "float32", dims, data } as const] as const);
  return {
    inputs: learned.map(({ input }) => input),
    trained: learned.map(({ input: { name }, shape, data }) => ({ name, shape, data })),
    fixed: Object.fromEntries(fixed),
    multiples,
  };
}
