import { UsageError } from "../../core/errors.js";
import { canEncode, sequenceLogProb, type Prompt } from "../../policy/policy.js";
import { checkDrawing } from "../../policy/capabilities.js";
import { rewardNamed } from "../../reward/registry.js";
import { choose } from "../../reward/self-reward.js";
import { bestOfN, type Best } from "../../sharpen/best-of-n.js";
import { drawPower } from "../../sharpen/power/draw-power.js";
import { checkRewards } from "../../sharpen/sharpen-task.js";
import { loadChatTemplate } from "../../transformer/text/chat-template.js";
import { graderNamed } from "../../task/graders.js";
import { graderForQuestion } from "../../task/question.js";
import { taskEntry } from "../../task/registry.js";
import { defineCommand } from "../command.js";
import { DEFAULT_MODEL, DEFAULT_N, DEFAULT_TASK } from "../defaults.js";
import { quantizedAnswer } from "../measure-quantized.js";
import { interruptible } from "../outcome.js";
import { POWER, REMOTE } from "../options.js";
import { powerNote, powerSettings } from "../power.js";
import { usageResult } from "../remote.js";
import { openPolicy, policySource, openTask, type ModelSource } from "../sources.js";
import { COMMANDS } from "./table.js";

/** What an answer is printed from. */
type Answered = Pick<Best, "prompt" | "chosen" | "finished" | "scores" | "tokens">;

const PROMPT_ID = "prompt";
/** As for a user's file. */
const MAX_TOKENS = 512;

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
    "chat",
    "noChat",
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
    const source = policySource(values.model ?? DEFAULT_MODEL, values);
    const reward = rewardNamed(values.reward ?? "log-likelihood");
    const prompt: Prompt = { id: PROMPT_ID, text: await inTemplate(source, words, values.chat) };
    const taskName = values.task ?? (source.name === DEFAULT_MODEL ? DEFAULT_TASK : undefined);
    const { grader } = values;
    // Of a public data set's task only the extractor is needed, and it is there without the rows.
    const entry = taskName === undefined || grader !== undefined ? undefined : taskEntry(taskName);
    const task =
      taskName === undefined || entry?.data !== undefined
        ? undefined
        : (await openTask(taskName, grader === undefined ? {} : { grader }, source.folder)).task;
    const guessed = task || entry || grader ? undefined : graderForQuestion(words);
    const comparing = task ?? entry ?? graderNamed(grader ?? guessed ?? "exact");
    let noted = guessed === undefined;
    const extract = (text: string): string | undefined => {
      if (!noted) {
        context.note(`Answers are compared as by --grader ${String(guessed)}, going by the question.`);
        noted = true;
      }
      return comparing.extract(text);
    };
    const { signal } = context;
    await interruptible(
      context,
      () => undefined,
      async () => {
        const policy = await openPolicy(source, values.threads, context);
        try {
          checkRewards([reward], policy);
          // What the model can hold beside the prompt and a start token; a prompt that fills it is refused by the policy.
          const room = canEncode(policy)
            ? Math.max(1, policy.can.longest - policy.encode(prompt.text).length - 1)
            : Infinity;
          checkDrawing(policy, temperature);
          const maxTokens = values.maxTokens ?? task?.maxTokens ?? Math.min(MAX_TOKENS, room);
          if (power) {
            const drawing = { ...power, n, maxTokens, seed, signal };
            const [draw] = await drawPower(policy, [prompt], drawing);
            const { responses, record } = draw!;
            const scores = await reward.score({ prompt, responses, extract, policy });
            const chosen = responses[choose(scores)]!;
            const best = { prompt, chosen, finished: responses, scores, tokens: record.tokens };
            const { promptId: _, ...found } = record;
            context.note(powerNote(power, found));
            if (all) context.say(scoreLines(best));
            context.say(chosen.text);
            const answer = {
              ...answerResult(best, { n, reward: reward.name, all }),
              ...(await quantizedAnswer(source, prompt, responses, values, context)),
            };
            context.result({ ...answer, method: power.method, alpha: power.alpha, ...found });
            return;
          }
          const draws = bestOfN(policy, [prompt], {
            reward,
            n,
            temperature,
            maxTokens,
            seed,
            keepAll: all,
            signal,
            extract,
          });
          for await (const best of draws) {
            if (all) context.say(scoreLines(best));
            context.say(best.chosen.text);
            context.result({
              ...answerResult(best, { n, reward: reward.name, all }),
              ...(await quantizedAnswer(source, prompt, best.finished, values, context)),
              ...usageResult(policy),
            });
          }
        } finally {
          await policy.dispose();
        }
      },
    );
  },
});

/** The words as a user's message in the model's chat template, or as they stand where it has none or `chat` is false. */
async function inTemplate(source: ModelSource, words: string, chat: boolean | undefined): Promise<string> {
  const render =
    chat === false || source.folder === undefined ? undefined : await loadChatTemplate(source.folder);
  if (render) return render([{ role: "user", content: words }]);
  if (chat !== true) return words;
  throw new UsageError(`The model ${source.name} has no chat template; leave out --chat.`);
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
