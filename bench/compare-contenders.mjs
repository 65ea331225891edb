/** Who is measured by `npm run bench -- --peers`: ours, llama.cpp, transformers and peft, each a program and what it is asked. */

/**
 * One of those that are measured in turn, each time in a process of its own.
 * @typedef {object} Contender
 * @property {string} who ours begin with "ours, "
 * @property {"ours" | "llama" | "torch"} side whose interpreter runs it
 * @property {string} script in this folder
 * @property {string} [model] smollm2 or qwen, which are fetched, or a shape
 * @property {Readonly<Record<string, unknown>>} [ask] its one argument, to which the model's file, threads and the repeat's number are added
 * @property {readonly string[]} [args] in place of `ask`; DATA stands for the file of gsm8k's rows
 * @property {boolean} [emptyCache] with a cache folder of its own that is empty
 * @property {number} [times] at most, where it takes long
 */
/** @typedef {{ readonly n: number, readonly prompt: number, readonly tokens: number, readonly apart?: boolean }} Drawing */

export const FLOAT = "ours, float32";
export const KEPT = "ours, kept";
/** Kept weights, activations rounded to eight bits as llama.cpp rounds them; one row where a response is alone. */
export const KEPT_A8 = "ours, kept, activations in eight bits";
/** Weights and activations in eight bits. */
export const BYTES = "ours, int8";
export const LLAMA = "llama.cpp";
export const TORCH = "transformers, float32";
export const HALF = "transformers, bfloat16";

/** @typedef {"keep" | "keepa8" | "int8"} Held */
/** @type {Readonly<Record<Held, string>>} */
const HOW = { keep: KEPT, keepa8: KEPT_A8, int8: BYTES };

/** @param {string} model @param {object} work @param {Held} [quantize] @returns {Contender} */
export const drawn = (model, work, quantize) => ({
  ...{ who: quantize === undefined ? FLOAT : HOW[quantize] },
  ...{ side: "ours", script: "draw.mjs", model },
  ask: { ...(quantize && { quantize }), ...work },
});

/** @param {string} model @param {object} work @returns {Contender} */
export const llama = (model, work) => ({
  ...{ who: LLAMA, side: "llama", script: "peers/llama.py", model },
  ask: { ...work },
});

/**
 * In float32 and in bfloat16.
 * @param {string} model @param {string} script @param {object} ask @param {number} [times] @returns {Contender[]}
 */
export const torch = (model, script, ask, times) =>
  ["float32", "bfloat16"].map((dtype) => ({
    ...{ who: `${script === "lora.py" ? "peft" : "transformers"}, ${dtype}`, side: "torch" },
    ...{ script: `peers/${script}`, model, ask: { dtype, ...ask }, ...(times && { times }) },
  }));

/** transformers' `generate`. @param {string} model @param {Drawing} work @param {number} [times] */
export const generate = (model, { n, prompt, tokens }, times) =>
  torch(
    model,
    "generate.py",
    { repeats: 1, work: { prompts: 1, promptTokens: prompt, responses: n, newTokens: tokens } },
    times,
  );

/** The first token with a cache that has the model and with one that is empty. @param {"smollm2" | "qwen"} model @param {"keep"} [quantize] */
export const firstTokens = (model, quantize) => {
  const first = { n: 1, prompt: 100, tokens: 0 };
  const again = drawn(model, first, quantize);
  const rounded = drawn(model, { ...first, lone: true }, "keepa8");
  return [
    ...[again, rounded].flatMap((each) => [
      each,
      { ...each, who: `${each.who}, the first time`, emptyCache: true },
    ]),
    llama(model, { n: 1, prompt: 100, tokens: 0 }),
    ...torch(model, "first_token.py", { work: { promptTokens: 100 } }, 1),
  ];
};
