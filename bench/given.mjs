/**
 * What several programs of the bench are given alike: `node bench/given.mjs '{"model":…,"data":"gsm8k-test.jsonl","out":"given.json","promptsEach":2,"repeats":3}'`
 * writes gsm8k's prompts as tokens, and a few responses of mixed lengths that SmolLM2 draws to the last of them, `each` a prompt.
 */
import { writeFileSync } from "node:fs";
import { findTask, LocalPolicy } from "../dist/index.js";

/**
 * @typedef {object} Given
 * @property {import("../dist/index.js").Prompt[]} prompts those to choose for: `promptsEach` a repeat
 * @property {number[][]} tokens of these prompts @property {number} promptsEach
 * @property {readonly number[]} ends the model's end tokens @property {number} maxTokens of a response
 * @property {{ prompt: number[], response: number[] }[]} pairs prompts with responses, as tokens, a prompt's one after the other
 * @property {number} each responses of a prompt in `pairs`
 * @property {{ prompt: number[], response: number[] }[][]} batches half of these, as they are learned, a step each: the responses of one prompt
 * @property {{ prompt: number[], response: number[] }[][]} mixed the same, a response of each prompt in a step
 */

const { model, data, out, promptsEach, repeats, threads } = JSON.parse(process.argv[2] ?? "{}");
const [maxTokens, asked, each] = [128, 4, 8];
const policy = await LocalPolicy.load(model, { threads });
const task = await findTask("gsm8k", { data, takes: "both" });
const all = task.prompts("test");
const wanted = promptsEach * repeats + asked;
if (all.length < wanted) throw new Error(`${data} has ${all.length} prompts, and ${wanted} are asked for.`);
const prompts = all.slice(0, promptsEach * repeats);
const others = all.slice(promptsEach * repeats, wanted);
const tokensOf = async (/** @type {import("../dist/index.js").Prompt} */ prompt) => [
  ...(await policy.promptTokens(prompt)),
];
const requests = others.flatMap((prompt) => Array.from({ length: each }, (_, index) => ({ prompt, index })));
/** @type {Map<string, number[]>} */
const drawn = new Map();
for await (const { promptId, index, tokens } of policy.sample(requests, {
  temperature: 1,
  maxTokens,
  seed: 1,
}))
  drawn.set(`${promptId} ${index}`, [...tokens]);
/** @type {Given["pairs"]} */
const pairs = [];
/** @type {Given["batches"]} */
const batches = [];
for (const prompt of others) {
  const ids = await tokensOf(prompt);
  for (let index = 0; index < each; index++)
    pairs.push({ prompt: ids, response: drawn.get(`${prompt.id} ${index}`) ?? [] });
  batches.push(pairs.slice(-each / 2));
}
const mixed = (batches[0] ?? []).map((_, index) =>
  batches.map((batch) => batch[index] ?? { prompt: [], response: [] }),
);
/** @type {Given} */
const given = {
  ...{ prompts, tokens: await Promise.all(prompts.map(tokensOf)), promptsEach, maxTokens },
  ...{ ends: policy.runtime.model.config.eosTokenIds, pairs, each, batches, mixed },
};
await policy.dispose();
writeFileSync(out, JSON.stringify(given));
console.log(JSON.stringify({ tokens: pairs.reduce((sum, { response }) => sum + response.length, 0) }));
