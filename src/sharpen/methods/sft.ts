import { memorized } from "../../evaluate/memorized.js";
import { sequenceLogProb, type Prompt, type Response, type ScoreRequest } from "../../policy/policy.js";
import { responseRecords } from "../../run/records.js";
import type { RecordKind } from "../../run/record-lines.js";
import type { Best } from "../answer-events.js";
import { bestOfN } from "../best-of-n.js";
import { appendTo, byPlace } from "../draw.js";
import { checkFit, DEFAULT_PATIENCE } from "../fit-adapter.js";
import { sftProblem } from "../sft.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";

const CHOSEN = "chosen.jsonl";
const chosenRecords: RecordKind<Response> = { ...responseRecords, key: ({ promptId }) => promptId };

/** SFT-Sharpening (paper §2.1): y^BoN of each training and validation prompt, in chosen.jsonl. */
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

async function* chosenOf(draws: AsyncIterable<Best>): AsyncGenerator<Response> {
  for await (const { chosen } of draws) yield chosen;
}

/** Best-of-N on the training and validation prompts; losers are dropped as soon as they cannot win. */
async function chooseExamples(context: MethodContext): Promise<Map<string, Response>> {
  const { policy, task, run, split, reward, settings, temperature, maxTokens, seed, signal, onProgress } =
    context;
  const prompts = [...split.train, ...split.validation];
  const log = await run.log(CHOSEN, chosenRecords);
  const missing = prompts.filter(({ id }) => !log.has(id));
  const draws = bestOfN(policy, missing, {
    reward,
    n: settings.trainN,
    temperature,
    maxTokens,
    seed,
    signal,
    extract: (text) => task.extract(text),
  });
  const counts = { stage: "drawing training examples", missing: missing.length, wanted: prompts.length };
  await appendTo(log, chosenOf(draws), counts, onProgress);
  const sorted = await log.sort(byPlace(prompts));
  return new Map(sorted.map((response) => [response.promptId, response]));
}
