/**
 * `npm run collect:responses -- <folder> <out.jsonl> [model…]`: 300 responses of four models, to try the reader of answers on what models
 * really write: 45 of the embedded model, 135 of SmolLM2-135M-Instruct, and 60 each of Qwen2.5-Coder-0.5B-Instruct and Gemma 3 270M. Half
 * are asked as the tasks ask, with an example; the other half get the bare question, as people ask. <folder> has gsm8k-test-256.jsonl,
 * math-test-256.jsonl, prontoqa-256.jsonl and mmlu-college_<subject>-test.jsonl in the fields of the public data sets. What lies in
 * src/task/testdata/responses.jsonl was drawn by it and then labelled by hand; the same models and rows give the same texts again, but for
 * those of Qwen that were cut off at 160 tokens.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findTask, LocalPolicy, modelFolder } from "../dist/index.js";
import { isMain } from "./lib/report.mjs";

const SETTINGS = { temperature: 0.7, seed: 14 };

/**
 * How long the responses of a model may be, and which of its prompts are asked, by their numbers: of the small model bare questions are
 * asked twice, of the larger three of four prompts once.
 * @type {Readonly<Record<"game24" | "smollm2" | "qwen" | "gemma", { maxTokens: number, asked: (at: number, bare: boolean) => readonly number[] }>>}
 */
const MODELS = {
  game24: { maxTokens: 18, asked: () => [0] },
  smollm2: { maxTokens: 256, asked: (_, bare) => (bare ? [0, 1] : [0]) },
  qwen: { maxTokens: 400, asked: (at) => (at % 4 < 3 ? [0] : []) },
  gemma: { maxTokens: 160, asked: (at) => (at % 4 < 3 ? [0] : []) },
};

/** @typedef {{ grader: string, prompt: import("../dist/index.js").Prompt }} Asked */

/** What a task asks, and how many of its rows: those after the ones that the bare questions take. */
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
 */
async function questions(folder, takes) {
  /** @type {Asked[]} */
  const asked = [];
  for (const [name, file, count] of TASKS) {
    const task = await findTask(name, { data: join(folder, file), takes });
    const prompts = task.prompts("test").slice(50, 50 + count);
    asked.push(
      ...prompts.map((prompt) => ({ grader: name, prompt: { ...prompt, id: `${name}/${prompt.id}` } })),
    );
  }
  for (const [grader, file, count] of BARE) {
    const lines = readFileSync(join(folder, file), "utf8").split("\n").slice(0, count);
    for (const [at, line] of lines.entries()) {
      const text = bareQuestion(JSON.parse(line));
      const id = `bare/${file.replace(/(-test)?(-256)?\.jsonl$/, "")}/${at + 1}`;
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
 * The folder of a model that is not in the package.
 * @param {string} name
 * @param {string} script what fetches it, and prints the folder last
 * @throws {Error} with what it said, where it cannot be had
 */
export function fetched(name, script = join(import.meta.dirname, "fetch-model.mjs")) {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [script, name], { encoding: "utf8" });
  const folder = stdout?.trim().split("\n").at(-1);
  if (status === 0 && folder) return folder;
  const said = stderr?.trim().split("\n").at(-1) || error?.message || "it said nothing";
  throw new Error(`${name} cannot be fetched: ${said}`);
}

/**
 * @param {string} folder
 * @param {string} out
 * @param {readonly (keyof typeof MODELS)[]} models
 */
async function collect(folder, out, models) {
  writeFileSync(out, "");
  for (const model of models) {
    const { maxTokens, asked: indicesOf } = MODELS[model];
    const embedded = model === "game24";
    const policy = await LocalPolicy.load(embedded ? modelFolder(model) : fetched(model), { threads: 1 });
    const asked = embedded
      ? (await findTask(model))
          .prompts("test")
          .slice(0, 45)
          .map((prompt) => ({ grader: model, prompt }))
      : await questions(folder, policy.can.messages ? "both" : "text");
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

if (isMain(import.meta.url)) {
  const [folder = "", out = "responses.jsonl", ...models] = process.argv.slice(2);
  const all = models.length > 0 ? models : Object.keys(MODELS);
  await collect(folder, out, /** @type {(keyof typeof MODELS)[]} */ (all));
}
