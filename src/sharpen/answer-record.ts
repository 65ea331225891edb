import { z } from "zod";
import { sequenceLogProb, type Prompt } from "../policy/policy.js";
import type { Best } from "./answer-events.js";

const finish = z.enum(["stop", "length"]);
const answer = z
  .string()
  .nullable()
  .describe("The answer in the text, in canonical form, as the grader reads it; null where it has none.");

/** How an answer looks: a line of answers.jsonl. */
export const answerSchema = z.strictObject({
  id: z.string().min(1).describe("The prompt's id: its own, or a digest of its text."),
  prompt: z.string().describe("What was asked, as people are shown it."),
  text: z.string().describe("The whole response that was chosen."),
  answer,
  correct: z
    .boolean()
    .exactOptional()
    .describe("Whether it agrees with the prompt's label; absent without one."),
  finish: finish.describe(
    '"stop": the response ended by itself; "length": it was cut at its longest length.',
  ),
  reward: z.string().min(1).describe("The self-reward that chose."),
  score: z.number().describe("What it gives the response."),
  logLikelihood: z.number().describe("log π of the response under the base at temperature 1, in nats."),
  runnerUp: z
    .strictObject({ text: z.string(), answer, score: z.number() })
    .nullable()
    .describe(
      "The best response with another answer, or with another text where there is no answer, among those that were drawn to " +
        "their end; null where there is none.",
    ),
});

/** The choice for a prompt, for people and programs: a line of answers.jsonl. */
export type AnswerRecord = z.infer<typeof answerSchema>;

/** What an answer is written down with. */
export interface AnswerContext {
  /** The self-reward's name. */
  readonly reward: string;
  /** The answer in a text, canonical; undefined if there is none. */
  readonly extract: (text: string) => string | undefined;
  /** Whether a text is right; absent, or undefined of a prompt, where there is no label. */
  readonly grade?: (promptId: string, text: string) => boolean | undefined;
}

/** The record of what was chosen for a prompt. */
export function answerRecord(
  {
    prompt,
    chosen,
    finished,
    scores,
  }: Pick<Best, "chosen" | "finished" | "scores"> & {
    readonly prompt: Pick<Prompt, "id" | "text">;
  },
  { reward, extract, grade }: AnswerContext,
): AnswerRecord {
  const ranked = finished
    .map((response, at) => ({ ...response, answer: extract(response.text) ?? null, score: scores[at]! }))
    .sort((a, b) => b.score - a.score || a.index - b.index);
  const best = ranked.find(({ index }) => index === chosen.index)!;
  const other = ranked.find(({ answer: its, text }) => (its ?? text) !== (best.answer ?? best.text));
  const correct = grade?.(prompt.id, best.text);
  return {
    id: prompt.id,
    prompt: prompt.text,
    text: best.text,
    answer: best.answer,
    ...(correct !== undefined && { correct }),
    finish: best.finish,
    reward,
    score: best.score,
    logLikelihood: sequenceLogProb(best),
    runnerUp: other ? { text: other.text, answer: other.answer, score: other.score } : null,
  };
}
