/** The rows of `npm run bench -- --peers` that have no peer: a step of drawing beside what bounds it. */
import { FLOAT, KEPT_A8 } from "./compare-contenders.mjs";
import { boundsOf, saysOfBounds } from "./compare-extras.mjs";

/** @typedef {import("./compare-contenders.mjs").Contender} Contender */

/** A step beside what bounds it (limits.mjs). @param {number} rows @param {"keepa8"} [quantize] @returns {Contender} */
const limited = (rows, quantize) => ({
  ...{ who: quantize === undefined ? FLOAT : KEPT_A8, side: "ours", script: "limits.mjs", model: "smollm2" },
  ask: { rows, ...(quantize && { quantize }) },
});

/** @type {readonly import("./compare-rows.mjs").Row[]} */
export const LIMIT_ROWS = [
  {
    ...{ name: "step-limit", title: "SmolLM2-135M: a step of 52 rows beside its linears and head" },
    ...{ measures: "times", contenders: [limited(52)], extras: boundsOf, says: saysOfBounds },
    promises: [
      { text: "a step of 52 rows, × its linears and head at the float limit", atMost: 1.35, of: [FLOAT] },
    ],
    note:
      "The bound is the floating-point operations of linears and head at the best rate that ONNX Runtime reaches in any one of these products " +
      "with 52 rows; a step is one of 8 to 56 tokens behind a prompt of 100",
    bound:
      "the products themselves take 1.16 times the bound (within a step they run at 168 to 193 GFLOP/s where the best reaches 216 by itself), attention's products 0.20, " +
      "element-wise operators and layout 0.23, and 0.11 passes outside of kernels, by ONNX Runtime's profile, which itself slows a step by a tenth",
  },
  {
    ...{ name: "one-limit", title: "SmolLM2-135M: a step of one row beside the bytes that it reads" },
    ...{
      measures: "times",
      contenders: [limited(1), limited(1, "keepa8")],
      extras: boundsOf,
      says: saysOfBounds,
    },
    promises: [
      { text: "a step of one row, × reading what it needs, float32", atMost: 2, of: [FLOAT] },
      { text: "the same, activations in eight bits", atMost: 2, of: [KEPT_A8] },
    ],
    note:
      "The bound is the time to read the weights as they are held, and the keys and values of earlier tokens, once, as fast as ONNX Runtime reads " +
      "a matrix of 512 MiB for a product of few rows",
    bound:
      "in eight bits the products of blocks take twice the bound, and some 1,700 small operators the rest, by ONNX Runtime's profile",
  },
];
