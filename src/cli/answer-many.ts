import { UsageError } from "../core/errors.js";
import type { Policy } from "../policy/policy.js";
import { answerAllEvents, type AnswerOptions } from "../sharpen/answer.js";
import { answerRecord, type AnswerRecord } from "../sharpen/answer-record.js";
import type { SelfReward } from "../reward/self-reward.js";
import type { AnswersOut } from "./answers-out.js";
import type { AskedPrompts } from "./asked-prompts.js";
import type { Context } from "./context.js";
import { fitLine } from "../report/columns.js";
import { answersLine } from "./live-line.js";

/** Of a prompt above its answer. */
const HEADING_WIDTH = 76;

/** What is asked of all prompts alike. */
export type AnswerSettings = Omit<AnswerOptions, "extract"> & {
  readonly reward: SelfReward;
  readonly n: number;
  readonly temperature: number;
  readonly seed: number;
};

/**
 * Answers prompts side by side: each answer goes to the file as soon as it is there, or else to the terminal, in the prompts' order.
 * Prompts that the file has answers to are passed over.
 * @returns the answers that were given now, in the order in which they were decided.
 */
export async function answerMany(
  policy: Policy,
  { prompts: all, groups }: AskedPrompts,
  settings: AnswerSettings,
  out: AnswersOut | undefined,
  context: Context,
): Promise<readonly AnswerRecord[]> {
  const { progress } = context;
  const total = all.length;
  if (total === 0) throw new UsageError("There is no prompt to answer.");
  const before = all.filter(({ id }) => out?.has(id)).length;
  const line = answersLine(settings.n + Number(settings.withGreedy ?? false), total, before);
  const shown = inOrder(all.map(({ id }) => id));
  const given: AnswerRecord[] = [];
  const showDone = (): void => {
    if (!progress.live) progress.update({ stage: "answers", done: before + given.length, total });
  };
  // The time before the first answer is part of the stage's.
  if (before < total) showDone();
  for (const { prompts, extract, grade, maxTokens } of groups) {
    const left = prompts.filter(({ id }) => !out?.has(id));
    const options = {
      ...(maxTokens !== undefined && { maxTokens }),
      ...settings,
      ...{ extract, progress: progress.live },
    };
    for await (const event of answerAllEvents(policy, left, options)) {
      line.take(event);
      progress.line(line.text);
      if (event.kind !== "chosen") continue;
      const record = answerRecord(event, { reward: settings.reward.name, extract, ...(grade && { grade }) });
      given.push(record);
      if (out) out.add(record);
      else
        for (const next of shown(record))
          context.say(`> ${fitLine(next.prompt, HEADING_WIDTH)}\n${next.text}\n\n`);
      showDone();
    }
  }
  progress.stop();
  await out?.finish();
  return given;
}

/** Gives records back in a given order, as soon as all before them have been given. */
function inOrder(ids: readonly string[]): (record: AnswerRecord) => AnswerRecord[] {
  const waiting = new Map<string, AnswerRecord>();
  let next = 0;
  return (record) => {
    waiting.set(record.id, record);
    const ready: AnswerRecord[] = [];
    for (let one; (one = waiting.get(ids[next] ?? "")); next++) ready.push(one);
    return ready;
  };
}
