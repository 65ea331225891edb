import { UsageError } from "../core/errors.js";
import type { Policy, Prompt } from "../policy/policy.js";
import type { Split, Task } from "../task/task.js";

/** A prompt that does not fit, and its length in tokens. */
interface LongPrompt {
  readonly prompt: Prompt;
  readonly tokens: number;
}

const SPLITS: readonly Split[] = ["test", "train", "validation"];

/**
 * Refuses prompts that the model cannot hold together with a response, before anything is drawn for any of them. Where a policy
 * does not tell what it holds, or how long a prompt is, all pass.
 * @param task says where a prompt stands, if it can.
 * @throws UsageError naming the first, how many others there are, and what to do.
 */
export async function checkLengths(
  policy: Policy,
  prompts: readonly Prompt[],
  maxTokens: number,
  task?: Pick<Task, "where">,
): Promise<void> {
  const long = await longPrompts(policy, prompts, maxTokens);
  const [first] = long;
  if (first === undefined) return;
  const { id } = first.prompt;
  const place = task?.where?.(id);
  const name = place === undefined ? `The prompt "${id}"` : `${place}: the prompt`;
  const all = long.length === 1 ? "" : ` (${long.length} of ${prompts.length} prompts are too long)`;
  throw new UsageError(
    `${name} has ${first.tokens} tokens, which ${tooMany(maxTokens)} the ${policy.can.longest} that ${policy.name} holds${all}`,
    {
      reason: "prompts-too-long",
      where: id,
      remedy: "leave such prompts out, shorten them, or lower `maxTokens`",
    },
  );
}

/**
 * A task without the prompts that the model cannot hold together with a response; the task itself where there are none. Its digest
 * stays, as does what it says of every prompt.
 * @param note is told how many were left out.
 */
export async function withoutLong(
  policy: Policy,
  task: Task,
  maxTokens: number,
  note?: (text: string) => void,
): Promise<Task> {
  const all = SPLITS.flatMap((split) => task.prompts(split));
  const left = new Set((await fittingPrompts(policy, all, maxTokens, note)).map(({ id }) => id));
  if (left.size === all.length) return task;
  const { name, digest, chance, grader, notes, learnsFromTest } = task;
  return {
    ...{ name, digest, maxTokens: task.maxTokens },
    ...(chance !== undefined && { chance }),
    ...(grader !== undefined && { grader }),
    ...(notes && { notes }),
    ...(learnsFromTest && { learnsFromTest }),
    ...(task.where && { where: (id: string) => task.where!(id) }),
    prompts: (split) => task.prompts(split).filter(({ id }) => left.has(id)),
    extract: (text) => task.extract(text),
    grade: (id, text) => task.grade(id, text),
  };
}

/** The prompts that the model can hold together with a response. @param note is told how many were left out, where some were. */
export async function fittingPrompts(
  policy: Policy,
  prompts: readonly Prompt[],
  maxTokens: number,
  note?: (text: string) => void,
): Promise<readonly Prompt[]> {
  const long = await longPrompts(policy, prompts, maxTokens);
  if (long.length === 0) return prompts;
  note?.(
    `Left out: ${long.length} of ${prompts.length} prompts, which with a response of ${maxTokens} tokens are longer ` +
      `than the ${policy.can.longest} that ${policy.name} holds.`,
  );
  const left = new Set(long.map(({ prompt }) => prompt));
  return prompts.filter((prompt) => !left.has(prompt));
}

async function longPrompts(
  policy: Policy,
  prompts: readonly Prompt[],
  maxTokens: number,
): Promise<LongPrompt[]> {
  const room = policy.can.longest - maxTokens;
  if (!policy.promptTokens || room === Infinity) return [];
  const long: LongPrompt[] = [];
  for (const prompt of prompts) {
    // No tokenizer makes more tokens than there are bytes, a start token aside; a conversation gets its template's besides.
    if (!prompt.messages && Buffer.byteLength(prompt.text) < room) continue;
    const { length: tokens } = await policy.promptTokens(prompt);
    if (tokens > room) long.push({ prompt, tokens });
  }
  return long;
}

function tooMany(maxTokens: number): string {
  return maxTokens === 1
    ? "leave no room for a response within"
    : `with a response of ${maxTokens} are more than`;
}
