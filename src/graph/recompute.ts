/** Parts of a graph whose values are forgotten after the forward pass, and made again when the backward pass needs them. */
import { GraphError } from "../core/errors.js";
import { backward, withGradient } from "./differentiate.js";
import type { Value } from "./graph.js";
import { add, cast, lessOrEqual, mul } from "./operators/elementwise.js";
import { concat, reshape, slice } from "./operators/shape.js";

/**
 * 0, int64 [1], that is known only once `value` is: what is computed with it cannot be computed before, and is no other's double,
 * so that no optimizer moves or merges it.
 */
export function zeroAfter(value: Value): Value {
  return value.graph.once(`zero after:${value.name}`, () => {
    const first = slice(reshape(value, [-1]), 0, 0, 1);
    // Of a NaN as well.
    return mul(cast(lessOrEqual(first, first), "int64"), 0);
  });
}

/**
 * What `build` makes of x. Between forward and backward pass only x is held: the backward pass makes everything else again, once
 * the gradient of the result is there. Gradients are the same; it costs the time of the forward pass once more.
 * @param build called twice; it adds no inputs to the graph the second time.
 * @throws GraphError where it makes nothing.
 */
export function recomputed(x: Value, build: (x: Value) => Value): Value {
  const { graph } = x;
  const before = graph.nodes.length;
  const result = build(x);
  const nodes = graph.nodes.slice(before);
  if (nodes.length === 0) throw new GraphError("recomputed: nothing is built of x.");
  const own = new Set(nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  const constants = new Set(graph.initializers.map(({ value }) => value.name));
  const read = new Map(nodes.flatMap(({ inputs }) => inputs).map((input) => [input.name, input]));
  const others = [...read.values()].filter(
    ({ name, type }) => type === "float32" && name !== x.name && !own.has(name) && !constants.has(name),
  );
  return withGradient(result, [x, ...others], (gradient, needs) => {
    const again = add(x, cast(zeroAfter(gradient), "float32"));
    const from = graph.nodes.length;
    const remade = build(again);
    const wanted = [again, ...others].filter((_, i) => needs(i));
    const parts = backward(remade, gradient, wanted, graph.nodes.slice(from));
    let next = 0;
    const [along, ...rest] = [x, ...others].map((_, i) => (needs(i) ? parts[next++] : undefined));
    return [along && afterAll(along, rest), ...rest];
  });
}

/**
 * A value as it is, that is known only once others are too: the gradients of a part's parameters are made before the backward pass goes
 * on. An engine may leave them to the end, since nothing else waits for them, and would hold until then what they are made of.
 */
function afterAll(value: Value, others: readonly (Value | undefined)[]): Value {
  const made = others.filter((other) => other !== undefined);
  if (made.length === 0) return value;
  // A row of each in one tensor: every node more costs ONNX Runtime milliseconds when a session starts.
  const rows = made.map((other) =>
    other.shape.length === 2 ? slice(other, 0, 0, 1) : reshape(other, [1, -1]),
  );
  return add(value, cast(zeroAfter(concat(rows, 1)), "float32"));
}
