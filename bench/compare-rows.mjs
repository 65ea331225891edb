/** What `npm run bench -- --peers` measures, row by row, with the target of each and what bounds it. */

/**
 * Ours and the peers' of one row are measured in turn, each in a process of its own.
 * @typedef {object} SpeedRow
 * @property {string} name @property {string} title
 * @property {"tokensPerSecond" | "firstTokenSeconds"} measures
 * @property {Drawing} work
 * @property {readonly ("float32" | "keep" | "int8" | "int4")[]} ours how our model is held
 * @property {"smollm2" | "qwen"} model
 * @property {string} target
 * @property {string} [bound] what bounds it
 */
/** @typedef {{ readonly n: number, readonly prompt: number, readonly tokens: number }} Drawing */
/**
 * The peak of one process of ours.
 * @typedef {object} MemoryRow
 * @property {string} name @property {string} title
 * @property {readonly string[]} memory arguments of bench/memory.mjs
 * @property {number} [limit] gigabytes; absent: what the process itself says it may be
 * @property {string} [bound]
 */

/** @type {readonly SpeedRow[]} */
export const SPEED_ROWS = [
  {
    ...{ name: "rows-smollm2", title: "SmolLM2-135M, 50 responses of 64 tokens, prompt of 100" },
    ...{ measures: "tokensPerSecond", model: "smollm2", work: { n: 50, prompt: 100, tokens: 64 } },
    ...{ ours: ["float32", "keep"], target: "≥ 2.5 × llama.cpp, with AVX-512" },
  },
  {
    ...{ name: "rows-qwen", title: "Qwen2.5-Coder-0.5B, 50 responses of 64 tokens, prompt of 100" },
    ...{ measures: "tokensPerSecond", model: "qwen", work: { n: 50, prompt: 100, tokens: 64 } },
    ...{ ours: ["float32", "keep"], target: "≥ 2.5 × llama.cpp, with AVX-512" },
  },
  {
    ...{ name: "one-smollm2", title: "SmolLM2-135M, one response of 64 tokens, prompt of 100" },
    ...{ measures: "tokensPerSecond", model: "smollm2", work: { n: 1, prompt: 100, tokens: 64 } },
    ...{ ours: ["float32", "keep"], target: "≥ 0.8 × llama.cpp" },
    bound:
      "a step reads four float32 rows where llama.cpp reads one of four bits: rows come in fours, so that a response has the same bits in every batch",
  },
  {
    ...{ name: "one-qwen", title: "Qwen2.5-Coder-0.5B, one response of 64 tokens, prompt of 100" },
    ...{ measures: "tokensPerSecond", model: "qwen", work: { n: 1, prompt: 100, tokens: 64 } },
    ...{ ours: ["float32", "keep"], target: "≥ 0.8 × llama.cpp" },
    bound: "as above; five and eight bits are two products of four each",
  },
  {
    ...{ name: "first-qwen", title: "Qwen2.5-Coder-0.5B, from the file to the first token, prompt of 100" },
    ...{ measures: "firstTokenSeconds", model: "qwen", work: { n: 1, prompt: 100, tokens: 2 } },
    ...{ ours: ["keep"], target: "≤ 1 s from a warm cache" },
    bound:
      "hashing the file, building the tokenizer, and ONNX Runtime's packing of the mapped weights for its products",
  },
];

/** @type {readonly MemoryRow[]} */
export const MEMORY_ROWS = [
  {
    ...{ name: "memory-qwen-keep", title: "Qwen2.5-Coder-0.5B, kept, drawing" },
    ...{ memory: ["qwen", "--quantize", "keep"], limit: 1.25 },
  },
  {
    ...{ name: "memory-qwen-float32", title: "Qwen2.5-Coder-0.5B, float32, drawing" },
    ...{ memory: ["qwen"], limit: 3.2 },
  },
  {
    ...{ name: "memory-1b", title: "shape of Llama-3.2-1B, kept, drawing" },
    memory: ["llama-3.2-1b", "--quantize", "keep"],
  },
  {
    ...{ name: "memory-3b", title: "shape of Llama-3.2-3B, kept, drawing" },
    ...{ memory: ["llama-3.2-3b", "--quantize", "keep"], limit: 3.3 },
  },
  {
    ...{ name: "memory-7b", title: "shape of Qwen2.5-7B, kept, drawing" },
    ...{ memory: ["qwen2.5-7b", "--quantize", "keep"], limit: 6.4 },
  },
  {
    ...{ name: "memory-train-128", title: "SmolLM2-135M, LoRA, B = 4, T = 128, checkpointing" },
    ...{ memory: ["smollm2", "--train", "--length", "128", "--checkpointing"], limit: 2.2 },
  },
  {
    ...{ name: "memory-train-1024", title: "SmolLM2-135M, LoRA, B = 4, T = 1,024, checkpointing" },
    ...{ memory: ["smollm2", "--train", "--length", "1024", "--checkpointing"], limit: 4 },
  },
  {
    ...{ name: "memory-train-qwen", title: "Qwen2.5-Coder-0.5B, kept, LoRA, B = 4, T = 512, checkpointing" },
    ...{
      memory: ["qwen", "--quantize", "keep", "--train", "--length", "512", "--checkpointing"],
      limit: 4.5,
    },
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
