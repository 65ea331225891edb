/**
 * What `npm run bench -- --peers` measures, row by row: who is measured, what was promised, and what bounds what falls short (compare-page.mjs).
 */
import {
  drawn,
  firstTokens,
  BYTES,
  FLOAT,
  generate,
  HALF,
  KEPT,
  KEPT_A8,
  LLAMA,
  llama,
  TORCH,
  torch,
} from "./compare-contenders.mjs";
import { agreementOf, FULL, PRUNED, pruningOf, saysOfAgreement, saysOfPruning } from "./compare-extras.mjs";
import { LIMIT_ROWS } from "./compare-limits.mjs";

/** @typedef {import("./compare-contenders.mjs").Contender} Contender */
/** @typedef {import("./compare-extras.mjs").AllPrinted} AllPrinted */
/** @typedef {import("./compare-extras.mjs").Extras} Extras */
/** @typedef {"tokensPerSecond" | "firstTokenSeconds" | "secondsEach" | "peakBytes" | "kl" | "cost" | "times"} Measure */
/**
 * What was promised of the best of `of`: a ratio to `against`, or a figure of its own; or of one of the row's extras.
 * @typedef {object} Promised
 * @property {string} text
 * @property {readonly string[]} [of] @property {string} [against] @property {string} [extra]
 * @property {number} [atLeast] @property {number} [atMost] in the measure's unit
 * @property {"AVX-512" | "AMX"} [needs] of the processor
 * @property {boolean} [first] whether it is of the table that comes first
 */
/**
 * @typedef {object} Row
 * @property {string} name @property {string} title
 * @property {Measure} measures
 * @property {readonly Contender[]} contenders
 * @property {readonly Promised[]} promises
 * @property {boolean} [data] whether it needs gsm8k's prompts
 * @property {number} [repeats] other than three
 * @property {(printed: AllPrinted) => Record<string, number[]>} [extras] by name
 * @property {(extras: Extras) => string} [says] what the extras say, in sentences
 * @property {string} [note] what a reader has to know of it
 * @property {string} [bound] what bounds it
 */
/**
 * Figures beside a growing size, once each.
 * @typedef {object} Growth
 * @property {string} name @property {string} title @property {string} axis
 * @property {readonly { readonly at: string, readonly contenders: readonly Contender[] }[]} points
 * @property {string} note
 */

export const SMOLLM2 = "SmolLM2-135M";
export const QWEN = "Qwen2.5-Coder-0.5B";
const FIFTY = { n: 50, prompt: 100, tokens: 64 };
const ONE = { n: 1, prompt: 100, tokens: 64 };
const SIXTEEN = { n: 16, prompt: 300, tokens: 128 };
const FIRST_TIME = [KEPT, KEPT_A8].map((who) => `${who}, the first time`);
const WIDE = /** @type {const} */ ({ needs: "AVX-512", first: true });

/**
 * Of both models beside llama.cpp and transformers.
 * @param {string} name @param {string} what @param {import("./compare-contenders.mjs").Drawing} work @param {number} atLeast
 * @param {Partial<Pick<Row, "bound" | "note">>} [more]
 * @param {boolean} [alone] whether a response is alone, and may be drawn as one
 * @returns {Row[]}
 */
const besideAll = (name, what, work, atLeast, more, alone = false) =>
  [
    { model: "smollm2", title: SMOLLM2, times: undefined },
    { model: "qwen", title: QWEN, times: 1 },
  ].map(({ model, title, times }) => ({
    ...{ name: `${name}-${model}`, title: `${title}: ${what} of 64 tokens`, measures: "tokensPerSecond" },
    contenders: [
      ...[drawn(model, work), drawn(model, work, "keep")],
      alone ? drawn(model, { ...work, lone: true }, "keepa8") : drawn(model, work, "int8"),
      llama(model, work),
      ...generate(model, work, times),
    ],
    promises: [
      {
        ...{ text: `${what}, × llama.cpp, ${title}`, atLeast, ...WIDE },
        ...{ of: [FLOAT, KEPT, alone ? KEPT_A8 : BYTES], against: LLAMA },
      },
      ...(alone
        ? [
            {
              ...{ text: `${what}, activations in eight bits, × without, ${title}`, atLeast: 2 },
              ...{ of: [KEPT_A8], against: KEPT },
            },
          ]
        : []),
    ],
    note: "The prompt has 100 random tokens; its pass is in the seconds",
    ...more,
  }));

/** @param {boolean} keepAll @returns {Contender} */
const choosing = (keepAll) => ({
  ...{ who: keepAll ? FULL : PRUNED, side: "ours", script: "choose.mjs", model: "smollm2" },
  ask: { n: 50, keepAll },
});

/** @type {readonly Row[]} */
export const ROWS = [
  {
    ...{ name: "choose", title: `${SMOLLM2}: best of 50 by log-likelihood on gsm8k, up to 128 tokens` },
    ...{ measures: "secondsEach", data: true },
    contenders: [choosing(false), choosing(true), ...torch("smollm2", "choose.py", { n: 50 })],
    promises: [
      {
        ...{ text: "best of 50, time, × transformers float32", atLeast: 8, ...WIDE },
        ...{ of: [PRUNED], against: TORCH },
      },
      {
        ...{ text: "best of 50, time, × transformers bfloat16", atLeast: 5, ...WIDE },
        ...{ of: [PRUNED], against: HALF },
      },
      { text: "pruning: share of time saved ÷ share of tokens saved", atLeast: 0.9, extra: "share" },
    ],
    ...{ extras: pruningOf, says: saysOfPruning },
    note:
      "Each repeat has prompts of its own, the same for all, and they may end before 128 tokens. transformers draws all 50 of a prompt as one " +
      "batch, then scores them in one pass without what is no response",
    bound:
      "beside pruning and a prefix that is shared, both compute the same products in float32, and a step's products bound each",
  },
  ...besideAll("rows", "50 responses", FIFTY, 2.5, {
    note:
      "The prompt has 100 random tokens; its pass is in the seconds. llama.cpp rounds what weights are multiplied with to eight bits; so does ours, int8, " +
      "which rounds weights too",
  }),
  ...besideAll(
    "one",
    "one response",
    ONE,
    0.8,
    {
      bound:
        "in float32 and kept, rows come in fours, so that a response has the same bits in every batch: a step computes four rows where llama.cpp computes one; in one row, with activations in eight bits, small operators take half of a small model's step",
    },
    true,
  ),
  {
    ...{ name: "first-qwen", title: `${QWEN}: from the file to the first token, prompt of 100` },
    ...{ measures: "firstTokenSeconds", contenders: firstTokens("qwen", "keep") },
    promises: [
      { text: `first token, ${QWEN}`, atMost: 2.5, of: FIRST_TIME, ...WIDE },
      { text: "first token, the same, from a warm cache", atMost: 1, of: [KEPT, KEPT_A8], ...WIDE },
    ],
    note: "The file is in the system's page cache for all; the first time, our own cache folder is empty",
    bound:
      "the first time, hashing the file and writing the copy that is mapped; always, the prompt's products (two of four bits for each matrix of more), and ONNX Runtime's packing of the mapped weights for them",
  },
  ...[
    {
      ...{ name: "lora", steps: "mixed", what: "a response of each of four prompts a step" },
      ...{ text: "LoRA", of: "each prompt once" },
    },
    {
      ...{ name: "lora-pools", steps: "batches", what: "four responses of one prompt a step" },
      ...{ text: "LoRA of several responses a prompt", of: "four of each prompt" },
    },
  ].map(({ name, steps, what, text, of }) => ({
    ...{ name, title: `${SMOLLM2}: LoRA r16 on real responses of mixed lengths, ${what}` },
    ...{ measures: /** @type {const} */ ("tokensPerSecond"), data: true },
    contenders: [
      {
        ...{ who: FLOAT, side: /** @type {const} */ ("ours"), script: "learn.mjs" },
        ...{ model: "smollm2", ask: { steps } },
      },
      ...torch("smollm2", "lora.py", { repeats: 1, steps }),
    ],
    promises: [
      { text: `${text}, × peft float32`, atLeast: 1.5, of: [FLOAT], against: "peft, float32", ...WIDE },
      { text: `${text}, × peft bfloat16`, atLeast: 1.3, of: [FLOAT], against: "peft, bfloat16", ...WIDE },
    ],
    note:
      `Sixteen responses to gsm8k's prompts, drawn once by ours, are learned by all in the same four batches, ${of}; tokens are those of ` +
      "prompts and responses, without padding. What sequences begin with alike, the example of all prompts and a prompt of several responses, " +
      "is computed once by ours, and for each of them by peft",
    bound:
      "the products of forward and backward passes, which both leave to their libraries' kernels; bfloat16 has instructions of its own here",
  })),
  {
    ...{ name: "memory-qwen", title: `${QWEN}: peak memory, 16 responses of 128 tokens, prompt of 300` },
    ...{ measures: "peakBytes", repeats: 1 },
    contenders: [
      {
        ...{ who: KEPT, side: "ours", script: "memory.mjs" },
        args: ["qwen", "--quantize", "keep"],
      },
      { who: FLOAT, side: "ours", script: "memory.mjs", args: ["qwen"] },
      llama("qwen", SIXTEEN),
      ...generate("qwen", SIXTEEN),
    ],
    promises: [
      { text: `memory, ${QWEN}, N = 16`, atMost: 1.25, of: [KEPT], first: true },
      { text: `memory, ${QWEN}, N = 16, float32`, atMost: 3.2, of: [FLOAT] },
    ],
    note: "Pages of a file that is mapped count where they were read, on both sides",
  },
  {
    ...{ name: "score", title: `${SMOLLM2}: log π of 32 given responses to gsm8k's prompts` },
    ...{ measures: "tokensPerSecond", data: true },
    contenders: [
      { who: FLOAT, side: "ours", script: "score.mjs", model: "smollm2" },
      ...torch("smollm2", "score.py", {}),
    ],
    ...{ promises: [], extras: agreementOf, says: saysOfAgreement },
    note: "Tokens are those of prompts and responses, without padding; logits are computed at the responses' tokens alone on both sides",
  },
  {
    ...{ name: "int8", title: `${SMOLLM2}: 50 responses of 64 tokens, rounded to eight bits` },
    ...{
      measures: "tokensPerSecond",
      contenders: [drawn("smollm2", FIFTY, "int8"), drawn("smollm2", FIFTY)],
    },
    promises: [
      { text: "eight bits, × own float32, 50 rows", atLeast: 1.5, of: [BYTES], against: FLOAT },
      { text: "the same with AMX", atLeast: 2, needs: "AMX", of: [BYTES], against: FLOAT },
    ],
    bound:
      "of a small model's step products of bytes are a quarter (docs/log.md, 2026-11-30): attention, norms and the head that samples stay in float32, and activations are rounded at each product",
  },
  {
    ...{ name: "int8-kl", title: `${SMOLLM2}: what rounding to eight bits does to π, on gsm8k` },
    ...{ measures: "kl", data: true, repeats: 1 },
    contenders: [{ who: "ours, int8", side: "ours", script: "rounding.mjs", model: "smollm2" }],
    promises: [{ text: "eight bits, KL in nats a token", atMost: 0.01, of: ["ours, int8"] }],
    note: "KL of the rounded model to the model in float32, from 48 responses of up to 64 tokens that the rounded one drew; the range is a 95 % interval",
  },
  {
    ...{ name: "first-smollm2", title: `${SMOLLM2}: from the file to the first token, prompt of 100` },
    ...{ measures: "firstTokenSeconds", contenders: firstTokens("smollm2") },
    promises: [{ text: `first token, ${SMOLLM2}, from a warm cache`, atMost: 1.5, of: [FLOAT, KEPT_A8] }],
    note: "The file is in the system's page cache for all; the first time, our own cache folder is empty",
    bound: "unpacking the blocks to float32, and ONNX Runtime's two sessions, of which the second packs",
  },
  ...LIMIT_ROWS,
];

/** @param {string} model @param {object} work @param {"keep" | "int8"} [quantize] */
const beside = (model, work, quantize) => [
  drawn(model, { ...work, apart: true }, quantize),
  llama(model, { ...work, apart: true }),
];

/** @type {readonly Growth[]} */
export const GROWTHS = [
  {
    ...{
      name: "growth-rows",
      title: `${SMOLLM2}: growth with rows, 32 tokens each, prompt of 100`,
      axis: "rows",
    },
    points: [1, 4, 16, 50, 128].map((n) => ({
      at: `${n}`,
      contenders: beside("smollm2", { n, prompt: 100, tokens: 32 }),
    })),
    note: "Ours in float32",
  },
  {
    ...{
      name: "growth-context",
      title: `${QWEN}: growth with context, 4 responses of 16 tokens`,
      axis: "prompt",
    },
    points: [128, 512, 2048, 4096].map((prompt) => ({
      at: prompt.toLocaleString("en-US"),
      contenders: beside("qwen", { n: 4, prompt, tokens: 16 }, "keep"),
    })),
    note: "Ours with the weights kept as they are in the file",
  },
  {
    ...{ name: "growth-length", axis: "tokens" },
    title: `${SMOLLM2}: growth with the responses' length, 50 of them, prompt of 500`,
    points: [64, 256, 512].map((tokens) => ({
      at: `${tokens}`,
      contenders: beside("smollm2", { n: 50, prompt: 500, tokens }, "int8"),
    })),
    note: "Ours rounded to eight bits",
  },
  {
    ...{
      name: "growth-size",
      title: "Growth with the model's size, 16 responses of 16 tokens, prompt of 100",
    },
    axis: "parameters",
    points: [
      { at: "135M", model: "smollm2" },
      { at: "0.5B", model: "qwen" },
      { at: "1B", model: "llama-3.2-1b" },
      { at: "3B", model: "llama-3.2-3b" },
    ].map(({ at, model }) => ({
      at,
      contenders: beside(model, { n: 16, prompt: 100, tokens: 16 }, "keep"),
    })),
    note: `${SMOLLM2}, ${QWEN}, and random weights in the shapes of Llama-3.2-1B and -3B in Q4_K_M; ours with the weights kept as they are in the file`,
  },
];
