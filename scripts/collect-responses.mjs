/**
 * `npm run collect:responses -- <folder> <out.jsonl> [--set first|unseen|last] [model…]`: responses of four models, to try the reader of answers
 * on what models really write. Half are asked as the tasks ask, with an example; the other half get the bare question, as people ask. The
 * sets share no question: what is mended by one is measured on the next. <folder> has gsm8k-test-256.jsonl, math-test-256.jsonl,
 * prontoqa-256.jsonl and mmlu-college_<subject>-test.jsonl in the fields of the public data sets. What lies in
 * src/task/testdata/responses.jsonl was drawn by it and then labelled by hand; the same models and rows give the same texts again, but for
 * those of Qwen that were cut off at 160 tokens.
 */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findTask, LocalPolicy, modelFolder } from "../dist/index.js";
import { fetchRealModel } from "./fetch-model.mjs";

const SETTINGS = { temperature: 0.7, seed: 14 };

/** @typedef {"game24" | "smollm2" | "qwen" | "gemma"} Model */
/**
 * How long a model's responses may be, and the numbers of those that are drawn to a prompt, by the prompt's place.
 * @typedef {{ maxTokens: number, asked: (at: number, bare: boolean) => readonly number[] }} Drawn
 */

/** @param {number} one @param {number} of @returns {Drawn["asked"]} one response to each of so many prompts of as many. */
const share = (one, of) => (at) => (at % of < one ? [0] : []);

/**
 * Which rows are asked, the tasks' and the bare ones, and of whom: of the first set SmolLM2 is asked bare questions twice. Responses that are
 * cut off say little about a reader, so that the later sets have more room.
 * @type {Readonly<Record<"first" | "unseen" | "last", { from: { task: number, bare: number }, models: Partial<Record<Model, Drawn>> }>>}
 */
const SETS = {
  first: {
    from: { task: 50, bare: 0 },
    models: {
      game24: { maxTokens: 18, asked: () => [0] },
      smollm2: { maxTokens: 256, asked: (_, bare) => (bare ? [0, 1] : [0]) },
      qwen: { maxTokens: 400, asked: share(3, 4) },
      gemma: { maxTokens: 160, asked: share(3, 4) },
    },
  },
  unseen: {
    from: { task: 70, bare: 20 },
    models: {
      smollm2: { maxTokens: 512, asked: share(2, 5) },
      qwen: { maxTokens: 600, asked: share(2, 5) },
      gemma: { maxTokens: 320, asked: share(2, 9) },
    },
  },
  last: {
    from: { task: 90, bare: 40 },
    models: {
      smollm2: { maxTokens: 512, asked: share(1, 7) },
      qwen: { maxTokens: 600, asked: share(1, 7) },
      gemma: { maxTokens: 320, asked: share(1, 15) },
    },
  },
};

/** @typedef {{ grader: string, prompt: import("../dist/index.js").Prompt }} Asked */

/** What a task asks, and how many of its rows. */
const TASKS = /** @type {const} */ ([
  ["gsm8k", "gsm8k-test-256.jsonl", 14],
  ["math", "math-test-256.jsonl", 10],
  ["mmlu-college-biology", "mmlu-college_biology-test.jsonl", 4],
  ["mmlu-college-physics", "mmlu-college_physics-test.jsonl", 4],
  ["mmlu-college-chemistry", "mmlu-college_chemistry-test.jsonl", 4],
  ["prontoqa", "prontoqa-256.jsonl", 9],
]);

/** Rows that are asked barely: the reader of a file of prompts is what reads the answer. */
const BARE = /** @type {const} */ ([
  ["numeric", "gsm8k-test-256.jsonl", 16],
  ["numeric", "math-test-256.jsonl", 13],
  ["choice", "mmlu-college_biology-test.jsonl", 5],
  ["choice", "mmlu-college_physics-test.jsonl", 5],
  ["label", "prontoqa-256.jsonl", 6],
]);

/**
 * @param {string} folder
 * @param {"both" | "text"} takes
 * @param {{ readonly task: number, readonly bare: number }} from
 */
async function questions(folder, takes, from) {
  /** @type {Asked[]} */
  const asked = [];
  for (const [name, file, count] of TASKS) {
    const task = await findTask(name, { data: join(folder, file), takes });
    const prompts = task.prompts("test").slice(from.task, from.task + count);
    asked.push(
      ...prompts.map((prompt) => ({ grader: name, prompt: { ...prompt, id: `${name}/${prompt.id}` } })),
    );
  }
  for (const [grader, file, count] of BARE) {
    const lines = readFileSync(join(folder, file), "utf8")
      .split("\n")
      .slice(from.bare, from.bare + count);
    for (const [at, line] of lines.entries()) {
      const text = bareQuestion(JSON.parse(line));
      const id = `bare/${file.replace(/(-test)?(-256)?\.jsonl$/, "")}/${from.bare + at + 1}`;
      asked.push({
        grader,
        prompt:
          takes === "both"
            ? { id, text, messages: [{ role: "user", content: text }] }
            : { id, text: `Question: ${text}\nAnswer:` },
      });
    }
  }
  return asked;
}

/** @param {{ question?: string, problem?: string, query?: string, choices?: string[] }} row */
function bareQuestion({ question, problem, query, choices }) {
  if (choices) return [question, ...choices.map((choice, at) => `${"ABCD"[at]}. ${choice}`)].join("\n");
  if (query) return `${question} ${query}`;
  return problem ?? question ?? "";
}

/**
 * @param {string} folder
 * @param {string} out
 * @param {(typeof SETS)["first"]} set
 * @param {readonly Model[]} models
 */
async function collect(folder, out, { from, models: drawn }, models) {
  writeFileSync(out, "");
  for (const model of models) {
    const settings = drawn[model];
    if (!settings) throw new Error(`no responses of ${model} belong to this set`);
    const { maxTokens, asked: indicesOf } = settings;
    const path = model === "game24" ? modelFolder(model) : await fetchRealModel(model);
    const policy = await LocalPolicy.load(path, { threads: 1 });
    const asked =
      model === "game24"
        ? (await findTask(model))
            .prompts("test")
            .slice(0, 45)
            .map((prompt) => ({ grader: model, prompt }))
        : await questions(folder, policy.can.messages ? "both" : "text", from);
    const graders = new Map(asked.map(({ grader, prompt }) => [prompt.id, grader]));
    const requests = asked.flatMap(({ prompt }, at) =>
      indicesOf(at, prompt.id.startsWith("bare/")).map((index) => ({ prompt, index })),
    );
    for await (const { promptId, index, text, finish } of policy.sample(requests, {
      ...SETTINGS,
      maxTokens,
    })) {
      const row = { model, id: promptId, index, grader: graders.get(promptId), finish, text };
      appendFileSync(out, `${JSON.stringify(row)}\n`);
    }
    await policy.dispose();
  }
}

const { values, positionals } = parseArgs({
  options: { set: { type: "string", default: "first" } },
  allowPositionals: true,
});
const [folder = "", out = "responses.jsonl", ...models] = positionals;
const set = SETS[/** @type {keyof typeof SETS} */ (values.set)];
if (!set) throw new Error(`There is no set "${values.set}": there are ${Object.keys(SETS).join(", ")}.`);
await collect(
  folder,
  out,
  set,
  /** @type {Model[]} */ (models.length > 0 ? models : Object.keys(set.models)),
);
