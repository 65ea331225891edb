import { GraphError } from "../core/errors.js";
import { formatShape } from "./dim.js";
import { RULES } from "./gradients.js";
import type { GraphNode, Value } from "./graph.js";
import { add } from "./operators/elementwise.js";
import { full } from "./operators/shape.js";

/**
 * Reverse-mode differentiation as a graph transformation: appends to the graph the nodes that compute d loss / d x
 * for every x of `wrt` (an accumulation over paths of vector-Jacobian products; rules in `gradients.ts`).
 * @param loss a scalar float32 value.
 * @returns a value per entry of `wrt`, of its shape; zeros where the loss does not depend on it.
 * @throws GraphError for an operator without a gradient on the way, named.
 */
export function gradients(loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0 || loss.type !== "float32") {
    throw new GraphError(
      `gradients: the loss must be a float32 scalar, got ${loss.type}${formatShape(loss.shape)}.`,
    );
  }
  const graph = loss.graph;
  const forward = [...graph.nodes];
  const depends = dependants(forward, wrt);
  const totals = new Map<string, Value>();
  const accumulate = (value: Value, gradient: Value): void => {
    const total = totals.get(value.name);
    totals.set(value.name, total === undefined ? gradient : add(total, gradient));
  };
  if (depends.has(loss.name)) accumulate(loss, graph.constant(1));
  for (const node of forward.reverse()) {
    const custom =
      node.outputs[0] === undefined ? undefined : graph.customGradients.get(node.outputs[0].name);
    const reached = node.outputs.map((output) => totals.get(output.name));
    if (reached.every((gradient) => gradient === undefined)) continue;
    if (custom) {
      const results = custom.rule(reached[0]!);
      custom.inputs.forEach(
        (input, i) => results[i] && depends.has(input.name) && accumulate(input, results[i]),
      );
      continue;
    }
    const needs = (i: number): boolean => depends.has(node.inputs[i]!.name);
    if (!node.inputs.some((_, i) => needs(i))) continue;
    const rule = RULES[node.op];
    if (!rule)
      throw new GraphError(
        `${node.op} has no gradient, and the loss depends on it ("${node.outputs[0]!.name}").`,
      );
    rule(node, reached, needs).forEach((gradient, i) => {
      if (gradient && needs(i)) accumulate(node.inputs[i]!, gradient);
    });
  }
  return wrt.map((value) => totals.get(value.name) ?? full(loss, 0, value.shape));
}

/** Names of the values that depend on one of `wrt`. */
function dependants(nodes: readonly GraphNode[], wrt: readonly Value[]): Set<string> {
  const names = new Set(wrt.map((value) => value.name));
  for (const node of nodes) {
    if (node.inputs.some((input) => names.has(input.name) && input.type === "float32")) {
      for (const output of node.outputs) names.add(output.name);
    }
  }
  return names;
}

/**
 * Gives `output` a gradient of its own in place of the rules of the nodes that made it, for a closed form that is
 * cheaper or stabler than the chain rule (the gradient of a token's log-probability, say).
 * @param inputs the values that the rule yields gradients of, in its order; everything between is skipped.
 */
export function withGradient(
  output: Value,
  inputs: readonly Value[],
  rule: (gradient: Value) => readonly (Value | undefined)[],
): Value {
  output.graph.customGradients.set(output.name, { inputs, rule });
  return output;
}
