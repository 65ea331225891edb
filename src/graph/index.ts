/** The compute engine: a typed graph builder over ONNX with reverse-mode differentiation. */
export {
  Graph,
  type Attribute,
  type DataType,
  type FileData,
  type GraphNode,
  type Initializer,
  type InitializerData,
  type Value,
} from "./graph.js";
export { multiplyDims, type Dim, type Shape } from "./dim.js";
export {
  add,
  cast,
  div,
  equal,
  exp,
  geluTanh,
  lessOrEqual,
  log,
  max,
  min,
  mul,
  neg,
  pow,
  sigmoid,
  silu,
  sqrt,
  sub,
  tanh,
  where,
  type Operand,
} from "./operators/elementwise.js";
export { gather, gatherElements, gatherND, scatterElementsAdd, scatterNDAdd } from "./operators/gather.js";
export { matMul, type MatMulOptions } from "./operators/linear.js";
export { byteProduct } from "./operators/byte-product.js";
export { quantizedProduct } from "./operators/quantized.js";
export { dequantizedProduct, dequantizedRows, dequantizedSum } from "./operators/dequantized.js";
export { layerNorm, rmsNorm, rotaryEmbedding } from "./operators/normalize.js";
export {
  argMax,
  cumSum,
  logSoftmax,
  reduceMax,
  reduceMean,
  reduceSum,
  softmax,
  topK,
  type ReduceOptions,
} from "./operators/reduce.js";
export { concat, expand, full, reshape, slice, split, transpose } from "./operators/shape.js";
export { byteMatrix, unsignedBytes, type ByteMatrix } from "./byte-matrix.js";
export { multipliesSignedBytes } from "./signed-bytes.js";
export {
  BLOCKS_OF_UNIT,
  MATRIX_PARTS,
  QUANTIZED_BLOCK,
  quantizeMatrix,
  stacked,
  type HalfMatrix,
  type HeldMatrix,
  type HeldQuantizedMatrix,
  type QuantizedMatrix,
} from "./quantized-matrix.js";
export { gradients, withGradient } from "./differentiate.js";
export { recomputed, zeroAfter } from "./recompute.js";
export {
  adamWState,
  adamWStep,
  clipGradientNorm,
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  withWarmup,
  type AdamWOptions,
  type AdamWState,
  type Schedule,
} from "./optimizer.js";
export { deviceModels, scatterModel, scatterName } from "./device-models.js";
export { DEVICES, DEVICE_NAMES, type Device, type DeviceName } from "./device.js";
export { findDevices, type FoundDevice } from "./find-devices.js";
export { Engine, type EngineOptions } from "./engine.js";
export { ResidentBuffer } from "./resident-buffer.js";
export { storeGraphs, type StoredGraphs } from "./store-graphs.js";
export { Session } from "./session.js";
export { type BufferFeed, type Store, type Tensor } from "./tensor.js";
export { evaluate, evaluateInDoubles } from "./reference.js";
export type { DoubleTensor } from "./reference/array.js";
