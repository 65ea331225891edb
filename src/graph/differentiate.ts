import { GraphError } from "../core/errors.js";
import { formatShape, sameShape } from "./dim.js";
import { RULES } from "./gradients.js";
import type { CustomGradient, Graph, GraphNode, Value } from "./graph.js";
import { add } from "./operators/elementwise.js";
import { full } from "./operators/shape.js";

/**
 * Reverse-mode differentiation as a graph transformation: appends to the graph the nodes that compute d loss / d x
 * for every x of `wrt` (an accumulation over paths of vector-Jacobian products; rules in `gradients.ts`).
 * @param loss a scalar float32 value.
 * @returns a value per entry of `wrt`, of its shape; zeros where the loss does not depend on it.
 * @throws GraphError for an operator without a gradient on the way, named.
 * @example
 * ```ts
 * import { evaluate, gradients, Graph, mul, reduceSum } from "whetstone/graph";
 * const graph = new Graph();
 * const x = graph.input("x", "float32", [3]);
 * const [slope] = gradients(reduceSum(mul(x, x), [0]), [x]);
 * graph.output("slope", slope!);
 * const at = { type: "float32", dims: [3], data: Float32Array.of(1, 2, 3) } as const;
 * console.log(evaluate(graph, { x: at })["slope"]!.data.join(" ")); // → 2 4 6
 * ```
 */
export function gradients(loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0 || loss.type !== "float32") {
    throw new GraphError(
      `gradients: the loss must be a float32 scalar, got ${loss.type}${formatShape(loss.shape)}.`,
    );
  }
  const { graph } = loss;
  const forward = [...graph.nodes];
  return backward(loss, graph.constant(1), wrt, forward).map(
    (gradient, i) => gradient ?? full(loss, 0, wrt[i]!.shape),
  );
}

/**
 * From the gradient of a value to those of others, through nodes in their order; undefined where it does not depend on them.
 * @throws GraphError as `gradients`.
 */
export function backward(
  value: Value,
  seed: Value,
  wrt: readonly Value[],
  nodes: readonly GraphNode[],
): (Value | undefined)[] {
  const { graph } = value;
  const depends = dependants(graph, nodes, wrt);
  const totals = new Map<string, Value>();
  const accumulate = (reached: Value, gradient: Value): void => {
    const total = totals.get(reached.name);
    totals.set(reached.name, total === undefined ? gradient : add(total, gradient));
  };
  if (depends.has(value.name)) accumulate(value, seed);
  for (const node of [...nodes].reverse()) {
    const reached = node.outputs.map((output) => totals.get(output.name));
    node.outputs.forEach((output, i) => {
      const custom = graph.customGradients.get(output.name);
      const gradient = reached[i];
      if (!custom || !gradient) return;
      applyCustom(output, custom, gradient, depends, accumulate);
      reached[i] = undefined;
    });
    if (reached.some((gradient) => gradient !== undefined)) applyRule(node, reached, depends, accumulate);
  }
  return wrt.map(({ name }) => totals.get(name));
}

type Accumulate = (value: Value, gradient: Value) => void;

function applyRule(
  node: GraphNode,
  reached: readonly (Value | undefined)[],
  depends: ReadonlySet<string>,
  accumulate: Accumulate,
): void {
  const needs = (i: number): boolean => {
    const input = node.inputs[i]!;
    return input.type === "float32" && depends.has(input.name);
  };
  if (!node.inputs.some((_, i) => needs(i))) return;
  const rule = RULES[node.op];
  if (!rule)
    throw new GraphError(
      `${node.op} has no gradient, and the loss depends on it ("${node.outputs[0]!.name}").`,
    );
  const results = rule(node, reached, needs);
  node.inputs.forEach((input, i) => {
    if (!needs(i)) return;
    const gradient = results[i];
    if (!gradient)
      throw new GraphError(
        `${node.op} has no gradient for "${input.name}" (its input ${i}), and the loss depends on it.`,
      );
    accumulate(input, gradient);
  });
}

function applyCustom(
  output: Value,
  custom: CustomGradient,
  gradient: Value,
  depends: ReadonlySet<string>,
  accumulate: Accumulate,
): void {
  const results = custom.rule(gradient, (i) => depends.has(custom.inputs[i]!.name));
  custom.inputs.forEach((input, i) => {
    const result = results[i];
    if (!result || !depends.has(input.name)) return;
    if (!sameShape(result.shape, input.shape) || result.type !== "float32") {
      throw new GraphError(
        `The custom gradient of "${output.name}" gives ${result.type}${formatShape(result.shape)} for ` +
          `"${input.name}", which is ${input.type}${formatShape(input.shape)}.`,
      );
    }
    accumulate(input, result);
  });
}

/** Names of the values that depend on one of `wrt`: through float32 values, or through a gradient of their own. */
function dependants(graph: Graph, nodes: readonly GraphNode[], wrt: readonly Value[]): Set<string> {
  const names = new Set(wrt.map((value) => value.name));
  for (const node of nodes) {
    const reaches = node.inputs.some((input) => names.has(input.name) && input.type === "float32");
    for (const output of node.outputs) {
      const custom = graph.customGradients.get(output.name);
      if (reaches || custom?.inputs.some((input) => names.has(input.name))) names.add(output.name);
    }
  }
  return names;
}

/**
 * Gives `output` a gradient of its own in place of the rules of the nodes that made it, for a closed form that is
 * cheaper or stabler than the chain rule (the gradient of a token's log-probability, say).
 * @param inputs the values that the rule yields gradients of, in its order; everything between is skipped.
 * @param rule from the gradient of `output` to those of `inputs`, each of its input's shape; undefined for none. It is told which are
 * needed.
 * @returns `output` itself.
 * @throws GraphError if no node makes `output`, or it is not float32.
 */
export function withGradient(output: Value, inputs: readonly Value[], rule: CustomGradient["rule"]): Value {
  if (!output.graph.producers.has(output.name) || output.type !== "float32") {
    throw new GraphError(
      `withGradient: "${output.name}" is ${output.type} and must be a float32 value that a node makes.`,
    );
  }
  output.graph.customGradients.set(output.name, { inputs, rule });
  return output;
}
