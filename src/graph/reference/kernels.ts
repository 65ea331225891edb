import type { KernelTable } from "./array.js";
import { ELEMENTWISE } from "./elementwise.js";
import { GATHER } from "./gather.js";
import { LINEAR } from "./linear.js";
import { QUANTIZED } from "./quantized.js";
import { REDUCE } from "./reduce.js";
import { SHAPE } from "./shape.js";

/** Every operator that the builder emits, as its definition says and nothing faster. */
export const KERNELS: KernelTable = {
  ...ELEMENTWISE,
  ...GATHER,
  ...LINEAR,
  ...QUANTIZED,
  ...REDUCE,
  ...SHAPE,
};
