import { sequenceLogProb, type Prompt } from "../../policy/policy.js";
import { findReward } from "../../reward/registry.js";
import { answerEvents } from "../../sharpen/answer.js";
import type { Best } from "../../sharpen/answer-events.js";
import { findGrader, graderNamed } from "../../task/graders.js";
import { promptOfText } from "../../task/prompt-form.js";
import { graderForQuestion } from "../../task/question.js";
import { taskEntry } from "../../task/registry.js";
import { defineCommand } from "../command.js";
import { DEFAULT_MODEL, DEFAULT_N, DEFAULT_TASK } from "../defaults.js";
import { quantizedAnswer } from "../measure-quantized.js";
import { answerLine } from "../live-line.js";
import { interruptible } from "../outcome.js";
import { POWER, REMOTE, type Values } from "../options.js";
import type { Context } from "../context.js";
import type { Task } from "../../task/task.js";
import { powerNote, powerSettings } from "../power.js";
import { usageResult } from "../remote.js";
import { openPolicy, openTask, policySource, promptsOf, type ModelSource } from "../sources.js";
import { COMMANDS } from "./table.js";

/** What an answer is printed from. */
type Answered = Pick<Best, "prompt" | "chosen" | "finished" | "scores" | "tokens">;

const PROMPT_ID = "prompt";

/** `whetstone answer <prompt>`: best-of-N on one prompt. */
export const answerCommand = defineCommand({
  ...COMMANDS.answer,
  details:
    "Responses that can no longer be chosen are not drawn to their end, unless --all asks for it. With --method power or smc the " +
    "responses are of π^α, and one is drawn unless -n says otherwise.",
  options: [
    "model",
    "quantize",
    ...REMOTE,
    "n",
    "oneReward",
    "temperature",
    "maxTokens",
    "seed",
    "task",
    "grader",
    "raw",
    "all",
    ...POWER,
    "threads",
  ],
  examples: [
    ['answer "4 9 10 13 = 24 :"', "the embedded model, best of 50 by log-likelihood"],
    ['answer "4 9 10 13 = 24 :" --reward majority --all', "every response with its score"],
    ['answer "4 9 10 13 = 24 :" --method power --alpha 4', "one response of π⁴, by Metropolis–Hastings"],
    ['answer "What is 7 times 8?" --model ./my-model.gguf', "a chat model, by its template"],
  ],
  run: async ([words = ""], values, context) => {
    const power = powerSettings(values);
    const { n = power ? 1 : DEFAULT_N, temperature = 1, seed = 0, all = false } = values;
    const source = await policySource(values.model ?? DEFAULT_MODEL, values);
    const taken = await promptsOf(source);
    const reward = await findReward(values.reward ?? "log-likelihood");
    const prompt: Prompt = {
      id: PROMPT_ID,
      ...promptOfText(words, { ...(taken && { takes: taken }), raw: values.raw === true }),
    };
    const { task, extract } = await comparison(words, source, values, context);
    const { signal } = context;
    await interruptible(
      context,
      () => undefined,
      async () => {
        const policy = await openPolicy(source, values.threads, context);
        try {
          const maxTokens = values.maxTokens ?? task?.maxTokens;
          const line = answerLine(n);
          for await (const event of answerEvents(policy, prompt, {
            ...{ reward, n, temperature, seed, keepAll: all, extract, signal },
            ...(maxTokens !== undefined && { maxTokens }),
            ...(power && { power }),
            progress: context.progress.live,
          })) {
            line.take(event);
            context.progress.line(line.text);
            if (event.kind !== "chosen") continue;
            context.progress.stop();
            if (power) context.note(powerNote(power, event.power!));
            if (all) context.say(scoreLines(event));
            context.say(event.chosen.text);
            context.result({
              ...answerResult(event, { n, reward: reward.name, all }),
              ...(await quantizedAnswer(source, prompt, event.finished, values, context)),
              ...(power ? { method: power.method, alpha: power.alpha, ...event.power } : usageResult(policy)),
            });
          }
        } finally {
          context.progress.stop();
          await policy.dispose();
        }
      },
    );
  },
});

/**
 * How the answers to a question are told apart: as its task does, as `--grader` says, or else as the wording asks, which is said
 * when it is first of account.
 */
async function comparison(
  words: string,
  source: ModelSource,
  { task: named, grader: word }: Values<"task" | "grader">,
  context: Context,
): Promise<{ readonly task: Task | undefined; readonly extract: (text: string) => string | undefined }> {
  const taskName = named ?? (source.name === DEFAULT_MODEL ? DEFAULT_TASK : undefined);
  const grader = word === undefined ? undefined : await findGrader(word);
  // Of a public data set's task only the extractor is needed, and it is there without the rows.
  const entry = taskName === undefined || grader !== undefined ? undefined : taskEntry(taskName);
  const task =
    taskName === undefined || entry?.data !== undefined
      ? undefined
      : (await openTask(taskName, grader === undefined ? {} : { grader }, await promptsOf(source))).task;
  const guessed = task || entry || grader ? undefined : graderForQuestion(words);
  const comparing = task ?? entry ?? grader ?? graderNamed(guessed ?? "exact");
  let noted = guessed === undefined;
  const extract = (text: string): string | undefined => {
    if (!noted) {
      context.note(`Answers are compared as by --grader ${String(guessed)}, going by the question.`);
      noted = true;
    }
    return comparing.extract(text);
  };
  return { task, extract };
}

/** Every response with its score, the best first. */
function scoreLines({ finished, scores }: Answered): string {
  return finished
    .map(({ text }, i) => ({ text, score: scores[i]! }))
    .sort((a, b) => b.score - a.score)
    .map(({ text, score }) => `${score.toFixed(3).padStart(9)}  ${text}`)
    .join("\n")
    .concat("\n");
}

function answerResult(
  { prompt, chosen, finished, scores, tokens }: Answered,
  asked: { readonly n: number; readonly reward: string; readonly all: boolean },
): object {
  return {
    prompt: prompt.text,
    text: chosen.text,
    index: chosen.index,
    score: scores[finished.indexOf(chosen)],
    logLikelihood: sequenceLogProb(chosen),
    finish: chosen.finish,
    n: asked.n,
    reward: asked.reward,
    tokens,
    // Without --all some of the N were not drawn to their end, and have no score.
    ...(asked.all && {
      responses: finished.map((response, i) => ({
        index: response.index,
        text: response.text,
        score: scores[i],
        logLikelihood: sequenceLogProb(response),
      })),
    }),
  };
}
