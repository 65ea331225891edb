import { UsageError } from "../../core/errors.js";
import { randomStream } from "../../core/random.js";
import type { Prompt, Response } from "../../policy/policy.js";
import type { Trainer } from "../../policy/trainer.js";
import { checkFit } from "../fit-adapter.js";
import type { FitProblem } from "../fit-problem.js";
import { pairBatch, type PairExample } from "../pairs.js";
import { adapterResponses } from "./adapter-draws.js";
import {
  BASE_DRAWS,
  baseResponses,
  BETA,
  checkRegressable,
  PAIRED,
  pairExamples,
  VALIDATION_RESPONSES,
} from "./base-responses.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";
import { judgedPrompts, objectiveJudge } from "./objective-judge.js";
import { ownSettings, type OwnSettings } from "./options.js";
import { xpoParameters, type XpoParameters } from "./parameters.js";

/** Rounds when none are given. */
const DEFAULT_ROUNDS = 5;

/**
 * XPO, reward variant (paper Alg. 1). The training prompts are dealt out over T rounds; in each, y is drawn from the current
 * adapter and y′ from the base to the round's prompts, and the adapter is fitted, from where it is, to all pairs so far. The
 * iterate with the highest J_β = E[r] − β·KL on other prompts is kept; the base is one of them.
 */
export const xpo: Method = {
  name: "xpo",
  title: "XPO",
  brief: "pairs with exploration",
  summary:
    "train with exploration (XPO): rounds of responses from the adapter against the base's, and measure it",
  details:
    "Deals the training prompts out over T rounds (paper Alg. 1). In each, one response is drawn from the current adapter and N − 1 " +
    "(--train-n) from the base, the adapter is fitted to all pairs so far (--epochs passes), and J_β is estimated on validation " +
    "prompts; the best iterate is kept. Continues after every round.",
  examples: [
    ["", "β and α by the paper's formulas, or the preset of model and task"],
    ["--rounds 8 --beta 0.5 --optimism 0.01", "eight rounds, β and α given"],
  ],
  options: [
    { ...BETA, otherwise: "by the paper's formula, Thm 4.3" },
    {
      name: "optimism",
      flags: "--optimism <alpha>",
      symbol: "XPO's α",
      help: "α, the weight of the optimism term",
      range: "at least 0",
      otherwise: "by the paper's formula, Thm 4.3",
    },
    {
      name: "rounds",
      flags: "--rounds <count>",
      symbol: "rounds",
      help: "T, rounds of drawing and fitting",
      range: "whole",
      default: DEFAULT_ROUNDS,
      otherwise: `${DEFAULT_ROUNDS}`,
    },
  ],
  trainN: { ...PAIRED, help: "one from the adapter, the others from the base" },
  patience: 0,
  judgesObjective: true,
  iterate: "round",
  draws: [BASE_DRAWS],
  page: {
    losses: "Loss per pair, optimism included",
    kept: "the highest J_β = E[r] − β·KL on the validation prompts",
    facts: [
      { fact: "trainingPairs", label: "Pairs learned from", write: "count" },
      { fact: "beta", label: "β", write: "digits" },
      { fact: "optimism", label: "α of XPO", write: "digits" },
    ],
  },
  check: (_, reward) => checkRegressable(reward, "XPO"),
  plan,
};

async function plan(context: MethodContext): Promise<MethodPlan> {
  const { split, settings } = context;
  const own = ownSettings(xpo.options, settings.own);
  const rounds = Math.min(own["rounds"]!, split.train.length);
  const fromBase = settings.trainN - 1;
  const { epochs, seed } = checkFit(settings.fit);
  const base = await baseResponses(context, split.train, fromBase, "drawing from the base");
  const parameters = await parametersOf(context, own, rounds);
  const judge = await objectiveJudge(context, {
    beta: parameters.beta,
    comparedN: fromBase,
    against: settings.fit.keep === "objective" ? "base" : "nothing",
  });
  const order = randomStream(seed, "rounds").shuffle(split.train);
  const promptsOf = (t: number): Prompt[] => order.filter((_, i) => i % rounds === t - 1);
  const drawn = new Map<number, PairExample[]>();
  const problem: FitProblem<PairExample> = {
    iterates: rounds,
    passes: epochs,
    count: (t) => Array.from({ length: t }, (_, i) => promptsOf(i + 1).length).reduce((a, b) => a + b, 0),
    examples: async (t, trainer) => {
      for (let round = 1; round <= t; round++) {
        if (!drawn.has(round))
          drawn.set(round, await drawRound(context, round, promptsOf(round), trainer, base));
      }
      return [...drawn.entries()].sort(([a], [b]) => a - b).flatMap(([, examples]) => examples);
    },
    batch: (examples) =>
      pairBatch(examples, { beta: parameters.beta, alpha: parameters.optimism, pairing: "first" }),
    judge: async (trainer, epoch) => {
      const objective = await judge.judge(trainer, epoch);
      return { validationLoss: -objective.value, objective };
    },
  };
  return {
    fitTo: (fit) => fit(problem),
    iterates: rounds,
    facts: {
      modelCalls: split.train.length * settings.trainN,
      validationCalls:
        judge.calls * (rounds + 1) +
        (parameters.drawn || judge.compared > 0
          ? judgedPrompts(context).length * Math.max(fromBase, VALIDATION_RESPONSES)
          : 0),
      trainingPairs: split.train.length * fromBase,
      beta: parameters.beta,
      optimism: parameters.optimism,
      ...(Object.keys(parameters.quantities).length > 0 && { quantities: parameters.quantities }),
    },
  };
}

/** β and α as given or by the paper's formulas, of which the quantities are told. */
async function parametersOf(
  context: MethodContext,
  { beta, optimism }: OwnSettings,
  rounds: number,
): Promise<XpoParameters & { readonly drawn: boolean }> {
  const { trainers, settings, maxTokens, note } = context;
  if (beta !== undefined && optimism !== undefined) return { beta, optimism, quantities: {}, drawn: false };
  const prompts = judgedPrompts(context);
  const n = Math.max(settings.trainN - 1, VALIDATION_RESPONSES);
  const responses = await baseResponses(context, prompts, n, "drawing from the base");
  const found = xpoParameters({
    beta,
    optimism,
    rounds,
    parameters: trainers.parameters({ ...settings.fit, rank: checkFit(settings.fit).rank }),
    logResponses: maxTokens * Math.log(trainers.vocabularySize),
    responses: responses.values(),
    examples: await pairExamples(context, prompts, responses),
  });
  if (!found) {
    throw new UsageError(
      "The responses show no margin between the likeliest and the next, from which the paper computes β",
      { reason: "no-margin", remedy: "give `beta`" },
    );
  }
  const shown = Object.entries(found.quantities).map(([name, value]) => `${name} = ${value.toPrecision(3)}`);
  const { correctedOptimism } = found;
  const erratum =
    correctedOptimism === undefined
      ? ""
      : ` α is the paper's as printed; corrected (docs/errata.md) it would be ${correctedOptimism.toPrecision(3)}. Neither is a guarantee for a neural network: compare several.`;
  note?.(
    `XPO with β = ${found.beta.toPrecision(3)} and α = ${found.optimism.toPrecision(3)}, by the formulas of Thm 4.3 from ${shown.join(", ")}.${erratum}`,
  );
  return { ...found, drawn: true };
}

/** y of a round, drawn from the adapter as it is, each with the base's responses to its prompt. */
async function drawRound(
  context: MethodContext,
  round: number,
  prompts: readonly Prompt[],
  trainer: Trainer,
  base: ReadonlyMap<string, readonly Response[]>,
): Promise<PairExample[]> {
  // Not the index of any y′: equal uniforms would make equal responses of similar policies.
  const own = await adapterResponses(context, trainer, {
    ...{ prompts, round },
    indices: [context.settings.trainN - 1],
  });
  return pairExamples(
    context,
    prompts,
    new Map(prompts.map(({ id }) => [id, [...own.get(id)!, ...base.get(id)!]])),
    "first",
  );
}
