import { text as textOf } from "node:stream/consumers";
import { UsageError } from "../core/errors.js";
import type { Prompt } from "../policy/policy.js";
import { findGrader, graderNamed } from "../task/graders.js";
import { namesByText } from "../task/jsonl.js";
import { promptOfText } from "../task/prompt-form.js";
import { graderForQuestion } from "../task/question.js";
import { taskEntry } from "../task/registry.js";
import type { Task } from "../task/task.js";
import type { Context } from "./context.js";
import { DEFAULT_MODEL, DEFAULT_TASK } from "./defaults.js";
import type { Values } from "./options.js";
import { openTask, promptsOf, type ModelSource } from "./sources.js";

type AskedValues = Values<"promptFile" | "answersOut" | "task" | "grader" | "raw" | "system">;

/** What is asked. */
export interface AskedPrompts {
  /** In the order in which they were given. */
  readonly prompts: readonly Prompt[];
  readonly groups: readonly Asked[];
}

/** Prompts whose answers are compared alike. */
export interface Asked {
  readonly prompts: readonly Prompt[];
  readonly extract: (text: string) => string | undefined;
  /** Where there are labels. */
  readonly grade?: Task["grade"];
  /** The longest answer in tokens, where the task says so. */
  readonly maxTokens?: number;
  /** Where a prompt stands in its file. */
  readonly where?: Task["where"];
}

/** The id of a prompt that is answered alone. */
const ALONE = "prompt";

/**
 * What `answer` is asked: a file's prompts, or those of the command line, of which `-` is what comes on stdin; so is nothing at all, where
 * something is piped in.
 * @throws UsageError where nothing is asked, or a prompt is empty; DataError as `openTask`.
 */
export async function askedPrompts(
  words: readonly string[],
  source: ModelSource,
  values: AskedValues,
  context: Context,
  stdin: NodeJS.ReadStream = process.stdin,
): Promise<AskedPrompts> {
  const { file, system } = values;
  const taken = await promptsOf(source);
  if (system !== undefined && (taken === "text" || values.raw))
    throw new UsageError(
      `--system is for conversations, and ${values.raw ? "--raw gives prompts as they stand" : `${source.name} has no chat template`}; ` +
        "write the instructions into the prompt.",
    );
  const instruct = (prompt: Prompt): Prompt => (system === undefined ? prompt : instructed(prompt, system));
  if (file !== undefined) {
    const { prompts, ...its } = await ofFile(file, words, source, values, context);
    const asked = prompts.map(instruct);
    return { prompts: asked, groups: [{ ...its, prompts: asked }] };
  }
  const texts = await textsOf(words, context, stdin);
  const idOf = texts.length === 1 && values.out === undefined ? () => ALONE : namesByText();
  const form = { ...(taken && { takes: taken }), raw: values.raw === true };
  const prompts = texts.map((text) => instruct({ id: idOf(text), ...promptOfText(text, form) }));
  return { prompts, groups: await groupsOf(prompts, texts, source, values, context) };
}

/** A conversation with instructions ahead, unless it has its own; what is given raw stays as it is. */
function instructed({ messages, ...prompt }: Prompt, system: string): Prompt {
  if (messages === undefined) return prompt;
  if (messages[0]?.role === "system") return { ...prompt, messages };
  return { ...prompt, messages: [{ role: "system", content: system }, ...messages] };
}

async function ofFile(
  file: string,
  words: readonly string[],
  source: ModelSource,
  { grader, raw, task: named }: AskedValues,
  context: Context,
): Promise<Asked> {
  if (words.length > 0)
    throw new UsageError("Give prompts on the command line or a file of them with --file, not both.");
  if (named !== undefined)
    throw new UsageError(
      "--task is for prompts on the command line; answers to a file's are compared by --grader.",
    );
  const options = { ...(grader !== undefined && { grader: await findGrader(grader) }), ...(raw && { raw }) };
  const { task } = await openTask(file, options, await promptsOf(source));
  for (const note of task.notes ?? []) context.note(note);
  const prompts = (["train", "validation", "test"] as const).flatMap((split) => task.prompts(split));
  return {
    prompts,
    extract: (text) => task.extract(text),
    grade: (promptId, text) => task.grade(promptId, text),
    where: (promptId) => task.where?.(promptId),
  };
}

async function textsOf(
  words: readonly string[],
  context: Context,
  stdin: NodeJS.ReadStream,
): Promise<readonly string[]> {
  if (words.filter((word) => word === "-").length > 1)
    throw new UsageError("Stdin can be read once; give one - alone.");
  const piped = words.length === 0 && !stdin.isTTY;
  if (words.length === 0 && !piped)
    throw new UsageError(
      "There is no prompt: give one, - to read it from stdin, or a file of prompts with --file.",
    );
  const read = async (): Promise<string> => {
    if (stdin.isTTY) context.note("Reading the prompt from the terminal; end it with Ctrl-D.");
    return (await textOf(stdin)).replace(/\r?\n$/, "");
  };
  const texts: string[] = [];
  for (const word of piped ? ["-"] : words) {
    const text = word === "-" ? await read() : word;
    if (text.trim() === "")
      throw new UsageError(
        word === "-"
          ? "There is no prompt: stdin is empty; give one, or a file of prompts with --file."
          : "A prompt is empty; give it some text.",
      );
    texts.push(text);
  }
  return texts;
}

/** Those of the command line, by how answers to them are compared. */
async function groupsOf(
  prompts: readonly Prompt[],
  texts: readonly string[],
  source: ModelSource,
  values: AskedValues,
  context: Context,
): Promise<readonly Asked[]> {
  const groups = new Map<string, { readonly prompts: Prompt[] } & Omit<Asked, "prompts">>();
  for (const [at, prompt] of prompts.entries()) {
    const guess = graderForQuestion(texts[at]!);
    const group = groups.get(guess);
    if (group) group.prompts.push(prompt);
    else groups.set(guess, { prompts: [prompt], ...(await comparison(guess, source, values, context)) });
  }
  return [...groups.values()];
}

/**
 * How the answers to a question are told apart: as its task does, as `--grader` says, or else as the wording asks, which is said
 * when it is first of account.
 */
async function comparison(
  guess: ReturnType<typeof graderForQuestion>,
  source: ModelSource,
  { task: named, grader: word }: AskedValues,
  context: Context,
): Promise<Omit<Asked, "prompts">> {
  const taskName = named ?? (source.name === DEFAULT_MODEL ? DEFAULT_TASK : undefined);
  const grader = word === undefined ? undefined : await findGrader(word);
  // Of a public data set's task only the extractor is needed, and it is there without the rows.
  const entry = taskName === undefined || grader !== undefined ? undefined : taskEntry(taskName);
  const task =
    taskName === undefined || entry?.data !== undefined
      ? undefined
      : (await openTask(taskName, grader === undefined ? {} : { grader }, await promptsOf(source))).task;
  const comparing = task ?? entry ?? grader ?? graderNamed(guess);
  let noted = comparing === task || comparing === entry || comparing === grader;
  const extract = (text: string): string | undefined => {
    if (!noted) {
      context.note(`Answers are compared as by --grader ${guess}, going by the question.`);
      noted = true;
    }
    return comparing.extract(text);
  };
  return { extract, ...(task && { maxTokens: task.maxTokens }) };
}
