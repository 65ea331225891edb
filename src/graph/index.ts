/** The compute engine: a typed graph builder over ONNX with reverse-mode differentiation. */
export {
  Graph,
  type Attribute,
  type DataType,
  type GraphNode,
  type Initializer,
  type InitializerData,
  type Value,
} from "./graph.js";
export { type Dim, type Shape } from "./dim.js";
export * from "./operators/elementwise.js";
export * from "./operators/gather.js";
export * from "./operators/linear.js";
export * from "./operators/normalize.js";
export * from "./operators/reduce.js";
export * from "./operators/shape.js";
export { gradients, withGradient } from "./differentiate.js";
export * from "./optimizer.js";
export {
  Engine,
  ResidentBuffer,
  Session,
  type BufferFeed,
  type EngineOptions,
  type Store,
  type Tensor,
} from "./session.js";
