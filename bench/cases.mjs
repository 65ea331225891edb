/** What is measured. Each case runs in a process of its own (measure.mjs), so that its peak memory is its own. */

/**
 * @typedef {object} SamplerWork
 * @property {"sampler"} kind
 * @property {number} prompts @property {number} promptTokens
 * @property {number} responses for each prompt @property {number} newTokens of each response
 */

/**
 * @typedef {object} TrainerWork
 * @property {"trainer"} kind
 * @property {number} batch sequences @property {number} length positions of each, all of them counted as tokens
 * @property {number} targets positions of each, from its end, whose next token is learnt
 * @property {number} rank of the adapter, on all linears
 */

/**
 * A model's file is read, and the first token of a response drawn, in a new process.
 * @typedef {object} FirstTokenWork
 * @property {"first-token"} kind
 * @property {string} prompt
 */

/**
 * @typedef {object} Case
 * @property {string} name @property {string} title
 * @property {"embedded" | "smollm2"} model
 * @property {SamplerWork | TrainerWork | FirstTokenWork} work
 * @property {boolean} peer whether Python's libraries are measured on the same work
 */

/** @type {readonly Case[]} */
export const CASES = [
  {
    name: "sampler-embedded",
    title: "sampler, embedded model: 64 prompts × 50 responses of 18 tokens",
    model: "embedded",
    work: { kind: "sampler", prompts: 64, promptTokens: 8, responses: 50, newTokens: 18 },
    peer: false,
  },
  {
    name: "trainer-embedded",
    title: "trainer, embedded model: LoRA r16, B = 64, T = 26, responses of 18",
    model: "embedded",
    work: { kind: "trainer", batch: 64, length: 26, targets: 18, rank: 16 },
    peer: false,
  },
  {
    name: "sampler-smollm2",
    title: "sampler, SmolLM2-135M: 50 responses of 64 tokens, prompt of 100",
    model: "smollm2",
    work: { kind: "sampler", prompts: 1, promptTokens: 100, responses: 50, newTokens: 64 },
    peer: true,
  },
  {
    name: "first-token-smollm2",
    title: "first token, SmolLM2-135M: from the file (4-bit blocks) to the first token of a response",
    model: "smollm2",
    work: {
      kind: "first-token",
      prompt: "A farmer has 3 pens with 4 hens each. How many hens does he have?",
    },
    peer: true,
  },
  {
    name: "trainer-smollm2",
    title: "trainer, SmolLM2-135M: LoRA r16, B = 4, T = 128, all positions",
    model: "smollm2",
    work: { kind: "trainer", batch: 4, length: 128, targets: 128, rank: 16 },
    peer: true,
  },
  {
    name: "trainer-smollm2-responses",
    title: "trainer, SmolLM2-135M: LoRA r16, B = 4, T = 128, responses of 64",
    model: "smollm2",
    work: { kind: "trainer", batch: 4, length: 128, targets: 64, rank: 16 },
    peer: true,
  },
];
