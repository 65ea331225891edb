import { UsageError } from "../../core/errors.js";
import { tiltWeights } from "../../evaluate/tilt.js";
import { randomStream } from "../../core/random.js";
import type { Prompt } from "../../policy/policy.js";
import type { Trainer } from "../../policy/trainer.js";
import { checkFit, DEFAULT_PATIENCE } from "../fit-adapter.js";
import { inBatches, meanLoss, type FitBatch, type FitProblem } from "../fit-problem.js";
import { sftObjective } from "../objectives/index.js";
import type { PairExample } from "../pairs.js";
import { adapterResponses } from "./adapter-draws.js";
import { BASE_DRAWS, BETA, checkRegressable, pairExamples, rewardedExamples } from "./base-responses.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";
import { ownSettings, type MethodOption } from "./options.js";

/** β when none is given, as for DPO: with the log-likelihood the target is then π_base³. */
const DEFAULT_BETA = 0.5;
/** Responses per prompt when none are given: enough for the weights of a pool to say more than its best response does. */
const DEFAULT_N = 16;
/** What a prompt's weights leave out in all, at most: responses that would cost a pass and change nothing. */
const NEGLIGIBLE = 1e-3;
/** Prompts whose loss is found at once. */
const SCORE_BATCH = 16;

/** One round draws from the base alone. */
const ROUNDS = {
  name: "rounds",
  flags: "--rounds <count>",
  symbol: "rounds",
  help: "rounds on prompts of their own, each from the second on drawn from the adapter as it is; the base's reward stays, so that T rounds aim at π·exp(T·r/β)",
  range: "whole",
  default: 1,
  otherwise: "1",
} as const satisfies MethodOption;

/** A prompt's responses with the weights that π*_β gives them; the weights sum to 1. */
interface WeightedExample {
  readonly prompt: Prompt;
  readonly responses: readonly { readonly tokens: readonly number[]; readonly weight: number }[];
}

/**
 * Reward-weighted regression (Peters & Schaal 2007) on the optimum of RLHF-Sharpening: all N responses of a prompt are learned,
 * each with the weight softmax(r/β) that π*_β ∝ π_base·exp(r/β) (paper eq. 3) has on draws of π_base. It minimizes the forward
 * KL(π*_β ‖ π), where SFT on the one choice fits a single noisy argmax; β → 0 is SFT-Sharpening.
 */
export const rwr: Method = {
  name: "rwr",
  title: "RWR",
  brief: "all responses, weighted by the reward",
  summary:
    "train all responses, each weighted by its self-reward, into an adapter (reward-weighted regression)",
  details:
    "Draws N responses (--train-n) to each training prompt from the base, or takes those that the run has, and learns all of them with " +
    "the weights softmax(r/β): the closest that a model can come to the optimum of the paper's eq. 3 by imitation. With --rounds the " +
    "prompts are dealt out, and later rounds draw from the adapter.",
  examples: [
    ["--reward self-certainty --beta 0.2", "all responses, the more certain the more"],
    [
      "--train-n 32 --target-modules q_proj,v_proj,norm",
      "larger pools; the final norm may turn the temperature",
    ],
  ],
  options: [{ ...BETA, default: DEFAULT_BETA, otherwise: `${DEFAULT_BETA}` }, ROUNDS],
  trainN: { default: DEFAULT_N, least: 2, help: "all are learned, weighted by the reward" },
  patience: DEFAULT_PATIENCE,
  // Its loss does not see the rise: it falls by the pools' entropy at most, while overfitting raises it (docs/log.md).
  keep: "objective",
  iterate: "epoch",
  draws: [BASE_DRAWS],
  page: {
    losses: "Weighted loss per token, nats",
    kept: "the lowest weighted loss on the validation prompts’ own responses",
    facts: [
      { fact: "effectiveResponses", label: "Responses per prompt that carry the weight", write: "digits" },
      { fact: "beta", label: "β", write: "digits" },
    ],
  },
  check: (_, reward) => checkRegressable(reward, "RWR"),
  plan,
};

async function plan(context: MethodContext): Promise<MethodPlan> {
  const { settings, split } = context;
  const own = ownSettings(rwr.options, settings.own);
  const beta = own["beta"]!;
  const rounds = Math.min(own["rounds"]!, split.train.length);
  const { epochs, seed } = checkFit(settings.fit);
  const order = rounds === 1 ? split.train : randomStream(seed, "rounds").shuffle(split.train);
  const promptsOf = (round: number): readonly Prompt[] => order.filter((_, i) => i % rounds === round - 1);
  const first = { ...context, split: { ...split, train: promptsOf(1) } };
  const drawn = ["training responses", "validation responses"] as const;
  const { train, validation, facts } = await rewardedExamples(first, drawn, (examples) =>
    refuseNone(context, examples),
  );
  const examples = weighted(train, beta);
  const known = new Map([[1, examples]]);
  const judged = weighted(validation, beta);
  const problem = rwrProblem(judged.length > 0 ? judged : examples, {
    iterates: rounds * epochs,
    count: (t) => known.get(Math.ceil(t / epochs))?.length ?? promptsOf(Math.ceil(t / epochs)).length,
    examples: async (t, trainer) => {
      const round = Math.ceil(t / epochs);
      const pool = known.get(round) ?? (await drawRound(context, trainer, round, promptsOf(round), beta));
      known.set(round, pool);
      return pool;
    },
  });
  return {
    fitTo: (fit) => fit(problem),
    iterates: problem.iterates,
    facts: {
      ...facts,
      modelCalls: split.train.length * settings.trainN,
      effectiveResponses: mean(
        examples.map(({ responses }) => 1 / sum(responses.map(({ weight }) => weight ** 2))),
      ),
      beta,
    },
  };
}

/** The adapter's responses to a round's prompts, weighted by what the base says of them. */
async function drawRound(
  context: MethodContext,
  trainer: Trainer,
  round: number,
  prompts: readonly Prompt[],
  beta: number,
): Promise<WeightedExample[]> {
  const indices = Array.from({ length: context.settings.trainN }, (_, index) => index);
  const own = await adapterResponses(context, trainer, { round, prompts, indices });
  const examples = await pairExamples(context, prompts, own);
  refuseNone(context, examples);
  return weighted(examples, beta);
}

function refuseNone({ reward }: MethodContext, { length }: readonly PairExample[]): void {
  if (length > 0) return;
  throw new UsageError(
    `The reward ${reward.name} rates no two responses to any prompt: there is nothing to learn.`,
  );
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Weights of π*_β; the least of them, up to `NEGLIGIBLE` of a prompt's in all, are left out and the others scaled to 1. */
function weighted(
  examples: readonly {
    readonly prompt: Prompt;
    readonly responses: readonly { readonly tokens: readonly number[]; readonly reward: number }[];
  }[],
  beta: number,
): WeightedExample[] {
  return examples.map(({ prompt, responses }) => {
    const weights = tiltWeights(
      responses.map(({ reward }) => reward),
      beta,
    );
    const order = [...weights.keys()].sort((a, b) => weights[a]! - weights[b]!);
    let left = 0;
    const dropped = new Set<number>();
    for (const i of order) {
      if (left + weights[i]! > NEGLIGIBLE) break;
      left += weights[i]!;
      dropped.add(i);
    }
    const kept = responses.flatMap(({ tokens }, i) =>
      dropped.has(i) ? [] : [{ tokens, weight: weights[i]! / (1 - left) }],
    );
    return { prompt, responses: kept };
  });
}

/** Examples with no token are no loss; the loss is −Σ w·log π(y|x) / Σ w·|y|, the weighted mean per token. */
function rwrBatch(examples: readonly WeightedExample[]): FitBatch {
  const rows = examples.flatMap(({ prompt, responses }) =>
    responses.map((response) => ({ prompt, ...response })),
  );
  const size = sum(rows.map(({ tokens, weight }) => weight * tokens.length));
  const objective = sftObjective(
    rows.map(({ weight }) => weight),
    size,
  );
  return { sequences: rows, objective, size };
}

function rwrProblem(
  judged: readonly WeightedExample[],
  drawn: Pick<FitProblem<WeightedExample>, "iterates" | "count" | "examples">,
): FitProblem<WeightedExample> {
  return {
    ...drawn,
    passes: 1,
    batch: rwrBatch,
    judge: async (training) => ({
      validationLoss: await meanLoss(training, inBatches(judged, SCORE_BATCH, rwrBatch)),
    }),
  };
}
