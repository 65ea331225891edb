import { UsageError } from "../../core/errors.js";
import { sequenceLogProb, type Policy, type Response } from "../../policy/policy.js";
import { findReward } from "../../reward/registry.js";
import { answerEvents } from "../../sharpen/answer.js";
import type { Best } from "../../sharpen/answer-events.js";
import { answerRoom } from "../../sharpen/answer-room.js";
import { checkLengths, fittingPrompts } from "../../sharpen/fitting-prompts.js";
import { answerMany, type AnswerSettings } from "../answer-many.js";
import { openAnswers, type AnswersOut, type Made } from "../answers-out.js";
import { askedPrompts, type Asked, type AskedPrompts } from "../asked-prompts.js";
import { shellLine } from "../command-line.js";
import { defineCommand } from "../command.js";
import { DEFAULT_MODEL, DEFAULT_N } from "../defaults.js";
import { quantizedAnswer } from "../measure-quantized.js";
import { answerLine, scoreLines } from "../live-line.js";
import { needModel } from "../need-model.js";
import { interruptible } from "../outcome.js";
import { HOLDING, POWER, REMOTE, type Values } from "../options.js";
import type { Context } from "../context.js";
import { powerNote, powerSettings } from "../power.js";
import { usageResult } from "../remote.js";
import { holdingOf, openPolicy, policySource, settled, type ModelSource } from "../sources.js";
import { count } from "../../report/format.js";
import { COMMANDS } from "./table.js";

const NAMES = [
  "model",
  ...HOLDING,
  "exactChoice",
  ...REMOTE,
  "promptFile",
  "answersOut",
  "system",
  "n",
  "withGreedy",
  "oneReward",
  "temperature",
  "topP",
  "minP",
  "stop",
  "maxTokens",
  "seed",
  "task",
  "grader",
  "raw",
  "skipLong",
  "all",
  ...POWER,
  "threads",
  "memory",
] as const;

type AnswerValues = Values<(typeof NAMES)[number]>;

/** `whetstone answer [prompt...]`: best-of-N on one prompt or several. */
export const answerCommand = defineCommand({
  ...COMMANDS.answer,
  details:
    "Responses that can no longer be chosen are cut short, unless you give --all. With --method power or smc the responses are " +
    "drawn from π^α, and one is drawn unless -n says otherwise. The prompt - is read from stdin, and so is piped input. With --out, " +
    "each answer is written as a JSON line as soon as it is known, and all N responses are drawn to their end.",
  options: NAMES,
  examples: [
    ['answer "4 9 10 13 = 24 :"', "the embedded model, best of 50 by log-likelihood"],
    ['answer "4 9 10 13 = 24 :" --reward majority --all', "every response with its score"],
    ['answer "4 9 10 13 = 24 :" --method power --alpha 4', "one response of π⁴, by Metropolis–Hastings"],
    ['answer "What is 7 times 8?" -m ./my-model.gguf', "a chat model, by its template"],
    ["answer -m ./my-model.gguf -f prompts.jsonl -o answers.jsonl", "a file of prompts, answered"],
    ["answer -m ./my-model.gguf - < question.txt", "a prompt from stdin"],
  ],
  run: (words, values, context) => answerCommandOf(words, values, context),
});

async function answerCommandOf(
  words: readonly (string | undefined)[],
  { device, ...options }: Values<(typeof NAMES)[number] | "json">,
  context: Context,
): Promise<void> {
  const named = await policySource(options.model ?? DEFAULT_MODEL, { ...options, ...(device && { device }) });
  const source = await settled(named, options, context);
  const values = { ...options, ...holdingOf(source) };
  const power = powerSettings(values);
  const { n = power ? 1 : DEFAULT_N, temperature = 1, seed = 0, all = false, maxTokens } = values;
  const reward = await findReward(values.reward ?? "log-likelihood");
  const recorded = values.out !== undefined || values.json === true;
  const given = words.filter((word) => word !== undefined);
  const asked = await askedPrompts(given, source, values, context);
  await needModel(values.model, asked.prompts);
  const settings: AnswerSettings = {
    ...{ reward, n, temperature, seed, keepAll: all, signal: context.signal },
    ...(maxTokens !== undefined && { maxTokens }),
    ...(power && { power }),
    ...(values.withGreedy && { withGreedy: true }),
    ...limitsOf(values),
  };
  const resume = (): string | undefined => (values.out === undefined ? undefined : shellLine(context.args));
  await interruptible(context, resume, async () => {
    const policy = await openPolicy(source, values, context);
    try {
      const [group] = asked.groups;
      const alone = asked.prompts.length === 1 && values.out === undefined && values.file === undefined;
      if (group && alone) await one(policy, group, settings, { source, values, context });
      // A runner-up that is written down is the best of all the others, not of those that happened to be finished.
      else
        await several(
          policy,
          await fitting(policy, asked, values, context),
          { ...settings, keepAll: all || recorded },
          { values, context },
        );
    } finally {
      context.progress.stop();
      await policy.dispose();
    }
  });
}

/**
 * Those that the model can hold with an answer, before any is answered.
 * @throws UsageError as `checkLengths`, unless such prompts are to be left out.
 */
async function fitting(
  policy: Policy,
  asked: AskedPrompts,
  { maxTokens: given, skipLong }: AnswerValues,
  context: Context,
): Promise<AskedPrompts> {
  const fit = asked.groups.map(async (group): Promise<Asked> => {
    const { prompts, where, maxTokens = 1 } = group;
    const length = given ?? maxTokens;
    const note = (text: string): void => context.note(text);
    if (skipLong) return { ...group, prompts: await fittingPrompts(policy, prompts, length, note) };
    await checkLengths(policy, prompts, length, { ...(where && { where }) });
    return group;
  });
  const left = await Promise.all(fit);
  const kept = new Set(left.flatMap(({ prompts }) => prompts));
  return { prompts: asked.prompts.filter((prompt) => kept.has(prompt)), groups: left };
}

/** How tokens are drawn beside the temperature, as far as it was said. */
function limitsOf({
  topP,
  minP,
  stop,
  method,
}: AnswerValues): Pick<AnswerSettings, "topP" | "minP" | "stop"> {
  const given = {
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(stop && { stop }),
  };
  if (method !== undefined && method !== "base" && Object.keys(given).length > 0)
    throw new UsageError(
      `--top-p, --min-p and --stop are for independent samples; leave them out with --method ${method}.`,
    );
  return given;
}

interface Surroundings {
  readonly source: ModelSource;
  readonly values: Values<(typeof NAMES)[number]>;
  readonly context: Context;
}

async function one(
  policy: Policy,
  { prompts, extract, maxTokens }: Asked,
  settings: AnswerSettings,
  { source, values, context }: Surroundings,
): Promise<void> {
  const prompt = prompts[0]!;
  const { n, reward, keepAll: all = false, power, withGreedy = false } = settings;
  const line = answerLine(n + Number(withGreedy));
  const options = { ...(maxTokens !== undefined && { maxTokens }), ...settings, extract };
  const drawn: Response[] = [];
  for await (const event of answerEvents(policy, prompt, { ...options, progress: context.progress.live })) {
    if (event.kind === "finished") drawn.push(event.response);
    line.take(event);
    context.progress.line(line.text);
    if (event.kind !== "chosen") continue;
    context.progress.stop();
    if (power) context.note(powerNote(power, maxTokens ?? (await answerRoom(policy, prompt)), event.power!));
    if (all) context.say(scoreLines(event.finished, event.scores));
    context.say(event.chosen.text);
    context.result({
      ...answerResult(event, { n, reward: reward.name, all, extract }),
      ...(await quantizedAnswer(
        source,
        { policy, prompt, responses: drawn.sort((a, b) => a.index - b.index), asItIs: isPlain(settings) },
        values,
        context,
      )),
      ...(power ? { method: power.method, alpha: power.alpha, ...event.power } : usageResult(policy)),
    });
  }
}

/** Whether samples are the model's own distribution. */
const isPlain = ({ temperature, topP, minP, power }: AnswerSettings): boolean =>
  temperature === 1 && topP === undefined && minP === undefined && power === undefined;

/** Into a file or onto the terminal. */
async function several(
  policy: Policy,
  asked: AskedPrompts,
  settings: AnswerSettings,
  { values, context }: Omit<Surroundings, "source">,
): Promise<void> {
  const { out: path, file } = values;
  const { prompts } = asked;
  let out: AnswersOut | undefined;
  try {
    if (path !== undefined) out = await openAnswers(path, prompts, madeOf(policy, settings, values), file);
    const given = await answerMany(policy, asked, settings, out, context);
    const before = prompts.length - given.length;
    if (path !== undefined) {
      const earlier = before === 0 ? "" : `, ${count(before)} of them by an earlier call`;
      context.say(`${count(prompts.length)} answers${earlier}: ${path}`);
    }
    context.result({
      answered: prompts.length,
      fresh: given.length,
      ...(path === undefined ? { answers: given } : { out: path }),
      ...usageResult(policy),
    });
  } finally {
    out?.close();
  }
}

/** What decides an answer, under the names of the options. */
function madeOf(
  policy: Policy,
  { reward, n, temperature, seed, maxTokens, power, withGreedy, topP, minP, stop }: AnswerSettings,
  { system, raw, grader, ...values }: AnswerValues,
): Made {
  return {
    model: policy.name,
    weights: policy.digest.slice(0, 16),
    ...{ reward: reward.name, n, temperature, seed },
    ...(maxTokens !== undefined && { maxTokens }),
    ...holdingOf(values),
    ...(system !== undefined && { system }),
    ...(raw && { raw }),
    ...(grader !== undefined && { grader }),
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(stop && { stop: [...stop] }),
    ...(withGreedy && { withGreedy }),
    ...power,
  };
}

/** What an answer is printed from. */
type Answered = Pick<Best, "prompt" | "chosen" | "finished" | "scores" | "tokens">;

function answerResult(
  { prompt, chosen, finished, scores, tokens }: Answered,
  asked: {
    readonly n: number;
    readonly reward: string;
    readonly all: boolean;
    readonly extract: Asked["extract"];
  },
): object {
  return {
    prompt: prompt.text,
    text: chosen.text,
    answer: asked.extract(chosen.text) ?? null,
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
        answer: asked.extract(response.text) ?? null,
        score: scores[i],
        logLikelihood: sequenceLogProb(response),
        finish: response.finish,
      })),
    }),
  };
}
