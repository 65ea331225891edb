import { memorized } from "../../evaluate/memorized.js";
import { sequenceLogProb, type Prompt, type Response, type ScoreRequest } from "../../policy/policy.js";
import { responseRecords } from "../../run/records.js";
import type { RecordKind } from "../../run/record-lines.js";
import { choose } from "../../reward/self-reward.js";
import { bestOfN } from "../best-of-n.js";
import { appendTo, byPlace } from "../draw.js";
import { exactly } from "../exact-choice.js";
import { checkFit, DEFAULT_PATIENCE } from "../fit-adapter.js";
import { throwIfStopped } from "../interrupt.js";
import { sftProblem } from "../sft.js";
import { baseResponses, poolOf } from "./base-responses.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";

const CHOSEN = "chosen.jsonl";
const chosenRecords: RecordKind<Response> = { ...responseRecords, key: ({ promptId }) => promptId };

/**
 * SFT-Sharpening (paper §2.1): y^BoN of each training and validation prompt, in chosen.jsonl; with `keepDraws` chosen from the file that
 * methods of pairs draw into as well.
 */
export const sft: Method = {
  name: "sft",
  title: "SFT",
  brief: "the choice",
  summary: "train the choice of a self-reward into an adapter, on a run that was sampled, and measure it",
  examples: [
    ["", "the paper's settings, or the preset of model and task"],
    ["--train-n 1", "on own responses as they come, none chosen: what choosing is to be compared with"],
    ["--reward majority --epochs 5 --learning-rate 1e-3", "other settings"],
  ],
  options: [],
  trainN: { default: "n", least: 1 },
  patience: DEFAULT_PATIENCE,
  iterate: "epoch",
  draws: [{ name: CHOSEN, bySettings: true }],
  page: {
    losses: "Loss per token, nats",
    kept: "the lowest loss on the validation prompts’ own chosen responses",
    facts: [],
  },
  plan,
};

async function plan(context: MethodContext): Promise<MethodPlan> {
  const { split, settings } = context;
  const chosen = await chooseExamples(context);
  const example = (prompt: Prompt): ScoreRequest => ({ prompt, tokens: chosen.get(prompt.id)!.tokens });
  const { epochs } = checkFit(settings.fit);
  const problem = sftProblem(split.train.map(example), split.validation.map(example), epochs);
  return {
    fitTo: (fit) => fit(problem),
    iterates: problem.iterates,
    facts: {
      modelCalls: split.train.length * settings.trainN,
      validationCalls: split.validation.length * settings.trainN,
      ...memorized(
        split.train.map(({ id }) => sequenceLogProb(chosen.get(id)!)),
        split.validation.map(({ id }) => sequenceLogProb(chosen.get(id)!)),
      ),
    },
  };
}

/** y^BoN of each training and validation prompt; what is recorded of it is not chosen again. */
async function chooseExamples(context: MethodContext): Promise<Map<string, Response>> {
  const { run, split, onProgress } = context;
  const prompts = [...split.train, ...split.validation];
  const log = await run.log(CHOSEN, chosenRecords);
  const missing = prompts.filter(({ id }) => !log.has(id));
  const counts = { stage: "drawing training examples", missing: missing.length, wanted: prompts.length };
  const choices = context.keepDraws ? chooseFromAll(context, missing) : chooseAtOnce(context, missing);
  await appendTo(log, choices, counts, onProgress);
  const sorted = await log.sort(byPlace(prompts));
  return new Map(sorted.map((response) => [response.promptId, response]));
}

/** Best-of-N; losers are dropped as soon as they cannot win. */
async function* chooseAtOnce(context: MethodContext, prompts: readonly Prompt[]): AsyncGenerator<Response> {
  const { policy, task, reward, settings, temperature, maxTokens, seed, signal } = context;
  const extract = (text: string): string | undefined => task.extract(text);
  const options = { reward, n: settings.trainN, temperature, maxTokens, seed, signal, extract };
  for await (const { chosen } of bestOfN(policy, prompts, options)) yield chosen;
}

/** The same choices, from draws in full that stay in the run. */
async function* chooseFromAll(context: MethodContext, prompts: readonly Prompt[]): AsyncGenerator<Response> {
  const { policy, settings, signal } = context;
  const drawn = await baseResponses(context, prompts, settings.trainN, "drawing training responses");
  const reward = exactly(policy, context.reward);
  for (const prompt of prompts) {
    throwIfStopped(signal, "Choosing");
    const responses = drawn.get(prompt.id)!;
    yield responses[choose(await reward.score(poolOf(context, prompt, responses)))]!;
  }
}
