import { sequenceLogProb, type AdapterDraw, type Response } from "../policy/policy.js";
import type { Task } from "../task/task.js";
import type { AdapterText, PromptRow, ResponseRow } from "./report-input.js";

/** What grades and reads answers; absent where a run's task is not at hand. */
export type Reader = Pick<Task, "extract" | "grade">;

/** All that a run has of one prompt. */
export interface PromptRecords {
  readonly prompt: { readonly id: string; readonly text: string };
  /** Absent where it is not drawn yet. */
  readonly greedy?: Response | undefined;
  readonly responses: readonly Response[];
  /** The names of the self-rewards that chose a response, by its index. */
  readonly choices?: ReadonlyMap<number, readonly string[]> | undefined;
  /** What each adapter drew, by its name. */
  readonly adapters?: Readonly<Record<string, readonly AdapterText[]>> | undefined;
}

/** A prompt as pages show it. @param task absent: nothing is known of answers, or of what is right. */
export function promptRow(records: PromptRecords, task?: Reader): PromptRow {
  const { prompt, greedy, responses, choices, adapters } = records;
  return {
    id: prompt.id,
    text: prompt.text,
    ...(greedy && {
      greedy: { text: greedy.text, logProb: sequenceLogProb(greedy), ...grade(task, greedy) },
    }),
    responses: responses.map((response) => responseRow(response, choices?.get(response.index) ?? [], task)),
    ...(adapters && { adapters }),
  };
}

/** What an adapter drew for a prompt, equal texts once. @param greedy its greedy response, which may not be among them. */
export function adapterTexts(
  drawn: readonly Pick<AdapterDraw, "promptId" | "text">[],
  greedy: Pick<AdapterDraw, "text"> | undefined,
  task?: Reader,
): AdapterText[] {
  const promptId = drawn[0]?.promptId;
  if (promptId === undefined) return [];
  const times = new Map<string, number>();
  for (const { text } of drawn) times.set(text, (times.get(text) ?? 0) + 1);
  if (greedy && !times.has(greedy.text)) times.set(greedy.text, 0);
  return [...times].map(([text, count]) => ({
    ...{ text, times: count, ...grade(task, { promptId, text }) },
    ...(text === greedy?.text && { greedy: true }),
  }));
}

function responseRow(response: Response, chosenBy: readonly string[], task: Reader | undefined): ResponseRow {
  const { index, text, logProbs, certainties } = response;
  const logProb = sequenceLogProb(response);
  const answer = task?.extract(text);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    index,
    text,
    tokens: logProbs.length,
    logProb,
    lengthNormalized: logProb / Math.max(1, logProbs.length),
    ...(certainties && { selfCertainty: mean(certainties) }),
    ...(answer !== undefined && { answer }),
    ...grade(task, response),
    chosenBy,
  };
}

function grade(
  task: Reader | undefined,
  { promptId, text }: Pick<Response, "promptId" | "text">,
): { readonly correct?: boolean } {
  const correct = task?.grade(promptId, text);
  return correct === undefined ? {} : { correct };
}
