import { UsageError } from "../../core/errors.js";
import { factOf } from "../../evaluate/metrics.js";
import type { Prompt, ScoreRequest } from "../../policy/policy.js";
import { logLikelihood } from "../../reward/log-likelihood.js";
import { DEFAULT_DELTA, drawAdaptively, type AdaptiveBest } from "../adaptive-best-of-n.js";
import { checkFit, DEFAULT_PATIENCE } from "../fit-adapter.js";
import { sftProblem } from "../sft.js";
import { BASE_DRAWS, baseDraws } from "./base-responses.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";
import { ownSettings } from "./options.js";

/** Draws that a prompt gets at once: the local sampler's rows come in fours, so that one draw costs what four do. */
const ROUND = 4;

/**
 * Adaptive SFT-Sharpening (paper App. D, Thm D.1): each training prompt draws from the base until the rule of eq. 10 fires, and
 * the likeliest of its draws, y^AdaBoN, is learned as in SFT. The draws are the base's first ones, in the file that
 * methods of pairs draw into as well.
 */
export const adaptiveSft: Method = {
  name: "adaptive-sft",
  title: "Adaptive SFT",
  brief: "the choice, from as many draws as its prompt needs",
  summary:
    "train the likeliest response into an adapter, drawing to each prompt until a likelier one is improbable",
  details:
    "Stops drawing to a prompt as soon as 1/max π(y|x) is at most k/μ after k responses, with μ = ln(2/δ) (paper App. D, eq. 10), " +
    "or at the cap (--train-n), where the paper's guarantee does not hold: how often that was is reported. On long " +
    "responses the rule seldom fires.",
  examples: [
    ["", "as many responses as the rule asks for, at most N"],
    ["--train-n 200 --delta 0.5", "a higher cap, and a rule that is content sooner"],
  ],
  options: [
    {
      name: "delta",
      flags: "--delta <number>",
      symbol: "δ",
      help: "δ of the stopping rule, whose μ is ln(2/δ)",
      range: "between 0 and 1",
      default: DEFAULT_DELTA,
      otherwise: `${DEFAULT_DELTA}`,
    },
  ],
  trainN: { default: "n", least: 1, help: "at most this many, if the stopping rule has not fired before" },
  patience: DEFAULT_PATIENCE,
  presetsOf: "sft",
  iterate: "epoch",
  draws: [BASE_DRAWS],
  page: {
    losses: "Loss per token, nats",
    kept: "the lowest loss on the validation prompts’ own chosen responses",
    facts: [
      { fact: "meanDraws", label: "Mean N until the stopping rule fired, or the cap", write: "digits" },
      { fact: "capped", label: "Training prompts that hit the cap", write: "count" },
      { fact: "delta", label: "δ of the stopping rule", write: "digits" },
    ],
  },
  remarks: (adapter) => {
    const [capped = 0, mean = NaN] = ["capped", "meanDraws"].map((fact) => factOf(adapter, fact));
    const { trainingPrompts, trainingSamples } = adapter;
    const drawn = `For adaptive-sft the stopping rule asked for ${mean.toFixed(1)} responses per training prompt`;
    if (capped === 0) return [`${drawn}, and fired on every prompt.`];
    return [
      `${drawn}, and hit its cap of ${trainingSamples} on ${capped} of ${trainingPrompts} prompts before it fired: there the ` +
        `paper's guarantee does not hold.`,
    ];
  },
  check: (_, reward) => {
    if (reward.name === logLikelihood.name) return;
    throw new UsageError(
      `Adaptive SFT stops by the log-likelihood (paper eq. 10) and cannot choose by ${reward.name}; leave it out, or use ` +
        `${logLikelihood.name}.`,
    );
  },
  plan,
};

async function plan(context: MethodContext): Promise<MethodPlan> {
  const { split, settings } = context;
  const delta = ownSettings(adaptiveSft.options, settings.own)["delta"]!;
  const learned = await choices(context, split.train, delta, "drawing adaptively");
  const judged = await choices(context, split.validation, delta, "drawing adaptively for validation");
  const { epochs } = checkFit(settings.fit);
  const problem = sftProblem(learned.map(example), judged.map(example), epochs);
  const calls = (all: readonly AdaptiveBest[]): number =>
    all.reduce((sum, { drawn, wasted }) => sum + drawn + wasted, 0);
  return {
    fitTo: (fit) => fit(problem),
    iterates: problem.iterates,
    facts: {
      modelCalls: calls(learned),
      validationCalls: calls(judged),
      meanDraws: learned.reduce((sum, { drawn }) => sum + drawn, 0) / learned.length,
      capped: learned.filter(({ capped }) => capped).length,
      delta,
    },
  };
}

const example = ({ prompt, chosen }: AdaptiveBest): ScoreRequest => ({ prompt, tokens: chosen.tokens });

/** y^AdaBoN of each prompt; what the run has drawn already is not drawn again. */
async function choices(
  context: MethodContext,
  prompts: readonly Prompt[],
  delta: number,
  stage: string,
): Promise<AdaptiveBest[]> {
  const { trainN: cap } = context.settings;
  const draws = await baseDraws(context);
  let round = 0;
  return drawAdaptively(prompts, { delta, cap, round: ROUND }, async (requests) => {
    const until = Math.min(cap, ROUND * ++round);
    await draws.draw(requests, stage);
    return draws.responses(prompts, until);
  });
}
