/** What `npm run bench -- --peers` measures of memory alone: of larger models, and of training. */
import { QWEN, SMOLLM2 } from "./compare-rows.mjs";

/**
 * The peak of one process of ours.
 * @typedef {object} MemoryRow
 * @property {string} name @property {string} title
 * @property {readonly string[]} memory arguments of bench/memory.mjs
 * @property {number} [limit] gigabytes; absent: what the process itself says it may be
 */

/** @type {readonly MemoryRow[]} */
export const MEMORY_ROWS = [
  {
    ...{ name: "memory-1b", title: "shape of Llama-3.2-1B, kept, drawing" },
    memory: ["llama-3.2-1b", "--quantize", "keep"],
  },
  {
    ...{ name: "memory-train-128", title: `${SMOLLM2}, LoRA, B = 4, T = 128, checkpointing` },
    ...{ memory: ["smollm2", "--train", "--length", "128", "--checkpointing"], limit: 2.2 },
  },
  {
    ...{ name: "memory-train-1024", title: `${SMOLLM2}, LoRA, B = 4, T = 1,024, checkpointing` },
    ...{ memory: ["smollm2", "--train", "--length", "1024", "--checkpointing"], limit: 4 },
  },
  {
    ...{ name: "memory-train-qwen", title: `${QWEN}, kept, LoRA, B = 4, T = 512, checkpointing` },
    ...{
      memory: ["qwen", "--quantize", "keep", "--train", "--length", "512", "--checkpointing"],
      limit: 4.5,
    },
  },
  {
    ...{ name: "memory-3b", title: "shape of Llama-3.2-3B, kept, drawing" },
    ...{ memory: ["llama-3.2-3b", "--quantize", "keep"], limit: 3.3 },
  },
  {
    ...{ name: "memory-3b-float16", title: "shape of Llama-3.2-3B, kept, caches in float16, drawing" },
    ...{ memory: ["llama-3.2-3b", "--quantize", "keep", "--kv-cache", "float16"], limit: 3.3 },
  },
  {
    ...{ name: "memory-7b", title: "shape of Qwen2.5-7B, kept, drawing" },
    ...{ memory: ["qwen2.5-7b", "--quantize", "keep"], limit: 6.4 },
  },
  {
    ...{ name: "memory-train-3b", title: "shape of Llama-3.2-3B, kept, LoRA, B = 1, T = 512, checkpointing" },
    memory: [
      ...["llama-3.2-3b", "--quantize", "keep", "--train", "--batch", "1", "--length", "512"],
      "--checkpointing",
    ],
    limit: 7,
  },
];
