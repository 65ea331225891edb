import { UsageError } from "../../core/errors.js";
import { checkFit, DEFAULT_PATIENCE } from "../fit-adapter.js";
import { dpoProblem, pairCount, type PairExample } from "../pairs.js";
import { BASE_DRAWS, BETA, checkRegressable, PAIRED, rewardedExamples } from "./base-responses.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";
import { ownSettings } from "./options.js";

/** β when none is given: the target is then π_base³. The paper's own choice is for its guarantee (Thm 4.2). */
const DEFAULT_BETA = 0.5;

/** How many pairs there are in all. */
const pairsIn = (examples: readonly PairExample[]): number =>
  examples.reduce((sum, { responses }) => sum + pairCount(responses.length, "all"), 0);

/**
 * RLHF-Sharpening, offline (paper eq. 4/8): reward regression on every pair of the base's N responses to each training
 * prompt; N = 2 is the paper's. References are the log-probabilities of sampling.
 */
export const dpo: Method = {
  name: "dpo",
  title: "DPO",
  brief: "pairs of the base's",
  summary: "train differences of a self-reward into an adapter (reward-regression DPO), and measure it",
  details:
    "Draws N responses (--train-n) to each training prompt from the base, or takes those that the run has, and fits every pair of " +
    "them (paper eq. 4 and 8): N = 2 is the paper's one pair a prompt. Their reference log-probabilities are those of sampling.",
  examples: [
    ["", "two responses a prompt, or the preset of model and task"],
    ["--train-n 8 --beta 0.25", "28 pairs a prompt, towards a sharper target"],
  ],
  options: [{ ...BETA, default: DEFAULT_BETA, otherwise: `${DEFAULT_BETA}` }],
  trainN: { ...PAIRED, help: "every two are a pair" },
  patience: DEFAULT_PATIENCE,
  iterate: "epoch",
  draws: [BASE_DRAWS],
  page: {
    losses: "Squared error of reward gaps",
    kept: "the lowest error on pairs of the validation prompts’ responses",
    facts: [
      { fact: "trainingPairs", label: "Pairs learned from", write: "count" },
      { fact: "beta", label: "β", write: "digits" },
    ],
  },
  check: (_, reward) => checkRegressable(reward, "DPO"),
  plan,
};

/** Reward regression on every pair of the base's responses; the method has DPO's β. */
export async function plan(context: MethodContext): Promise<MethodPlan> {
  const { settings, reward } = context;
  const beta = ownSettings(dpo.options, settings.own)["beta"]!;
  const drawn = ["pairs", "validation pairs"] as const;
  const { train, validation, facts } = await rewardedExamples(context, drawn, (examples) => {
    const differs = examples.some(({ responses }) =>
      responses.some(({ reward: r }) => r !== responses[0]!.reward),
    );
    if (differs) return;
    throw new UsageError(
      `No two of the ${settings.trainN} responses to a prompt differ in ${reward.name}, so there is nothing to learn: raise trainN.`,
    );
  });
  const problem = dpoProblem(train, validation, { beta, epochs: checkFit(settings.fit).epochs });
  return {
    fitTo: (fit) => fit(problem),
    iterates: problem.iterates,
    facts: { ...facts, trainingPairs: pairsIn(train), beta },
  };
}
