import type { Prompt, Response, ScoreRequest } from "../../policy/policy.js";
import { checkFit, DEFAULT_PATIENCE } from "../fit-adapter.js";
import { sftProblem } from "../sft.js";
import { BASE_DRAWS, baseResponses } from "./base-responses.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";

/**
 * SFT on the base's own responses as they come, none chosen (arXiv 2604.01193): a baseline. Its optimum is the base itself, so that
 * whatever it changes is the doing of training and not of choosing, and what a method brings beyond it is the choice's.
 */
export const unselected: Method = {
  name: "unselected",
  title: "Unselected SFT",
  brief: "own responses, none chosen: a baseline",
  summary:
    "train own responses as they come, none chosen, into an adapter: what choosing is to be compared with",
  details:
    "Draws N responses (--train-n) to each training prompt from the base, or takes those that the run has, and learns all of them " +
    "alike. No reward is asked.",
  examples: [["", "one response a prompt"]],
  options: [],
  trainN: { default: 1, least: 1, help: "all are learned, whatever the reward says of them" },
  patience: DEFAULT_PATIENCE,
  presetsOf: "sft",
  iterate: "epoch",
  draws: [BASE_DRAWS],
  page: {
    losses: "Loss per token, nats",
    kept: "the lowest loss on the validation prompts’ own responses",
    facts: [],
  },
  plan,
};

async function plan(context: MethodContext): Promise<MethodPlan> {
  const { split, settings } = context;
  const drawn = (
    prompts: readonly Prompt[],
    stage: string,
  ): Promise<ReadonlyMap<string, readonly Response[]>> =>
    baseResponses(context, prompts, settings.trainN, stage);
  const learned = await drawn(split.train, "drawing training responses");
  const judged = await drawn(split.validation, "drawing validation responses");
  return planToLearnAll(context, learned, judged);
}

/** SFT on all N responses to each training prompt alike, judged by all N to each validation prompt. @param facts what else is recorded. */
export function planToLearnAll(
  { split: { train, validation }, settings: { trainN, fit: settings } }: MethodContext,
  learned: ReadonlyMap<string, readonly Response[]>,
  judged: ReadonlyMap<string, readonly Response[]>,
  facts: MethodPlan["facts"] = {},
): MethodPlan {
  const problem = sftProblem(allOf(train, learned), allOf(validation, judged), checkFit(settings).epochs);
  return {
    fitTo: (fit) => fit(problem),
    iterates: problem.iterates,
    facts: { modelCalls: train.length * trainN, validationCalls: validation.length * trainN, ...facts },
  };
}

/** All responses to the prompts as examples, but those without a token, of which there is nothing to learn. */
function allOf(
  prompts: readonly Prompt[],
  responses: ReadonlyMap<string, readonly Response[]>,
): ScoreRequest[] {
  return prompts.flatMap((prompt) =>
    responses.get(prompt.id)!.flatMap(({ tokens }) => (tokens.length === 0 ? [] : [{ prompt, tokens }])),
  );
}
