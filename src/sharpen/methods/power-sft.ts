import { UsageError } from "../../core/errors.js";
import type { Prompt, Response } from "../../policy/policy.js";
import { logLikelihood } from "../../reward/log-likelihood.js";
import { responseKey, responseRecords } from "../../run/records.js";
import { firstOf, sharedDraws } from "../draw.js";
import { DEFAULT_PATIENCE } from "../fit-adapter.js";
import { drawPowerInto, POWER_DEFAULTS } from "../power/draw-power.js";
import type { Method, MethodContext, MethodPlan } from "./method.js";
import { ownSettings, type MethodOption } from "./options.js";
import { planToLearnAll } from "./unselected.js";

const ALPHA = {
  name: "power",
  flags: "--power <number>",
  symbol: "α",
  help: "α of the policy π^α whose draws are learned; 1 + 1/β of the paper's eq. 3",
  range: "positive",
  default: POWER_DEFAULTS.alpha,
  otherwise: `${POWER_DEFAULTS.alpha}`,
} as const satisfies MethodOption;

const DRAWS = "power-draws.jsonl";

/**
 * Power self-distillation (arXiv 2605.04542): SFT on draws of π_base^α, the exact optimum of RLHF-Sharpening by the log-likelihood with
 * β = 1/(α − 1) (paper eq. 3). The draws are made by Metropolis–Hastings (arXiv 2510.14901), moves and blocks as for
 * sampling. Its loss is the forward KL to the target itself, where best-of-N gives an argmax and RWR reweights draws of the base.
 */
export const powerSft: Method = {
  name: "power-sft",
  title: "Power SFT",
  brief: "draws of π^α",
  summary: "train draws of π^α into an adapter (power self-distillation), and measure it",
  details:
    "Draws N responses (--train-n) from π^α to each training prompt by Metropolis–Hastings, and learns all of them: π^α is what the " +
    "log-likelihood prefers, with β = 1/(α − 1). Each draw costs some ten times a response's tokens.",
  examples: [
    ["", "one draw of π^4 a prompt"],
    ["--power 2 --train-n 4", "four draws of π^2"],
  ],
  options: [ALPHA],
  trainN: { default: 1, least: 1, help: "draws of π^α, all of them learned" },
  patience: DEFAULT_PATIENCE,
  presetsOf: "sft",
  iterate: "epoch",
  draws: [{ name: DRAWS, bySettings: true }],
  page: {
    losses: "Loss per token, nats",
    kept: "the lowest loss on draws of π^α to the validation prompts",
    facts: [{ fact: "power", label: "α of π^α", write: "digits" }],
  },
  check: (_, reward) => {
    if (reward.name === logLikelihood.name) return;
    throw new UsageError(
      `Power SFT learns draws of π^α, which is what the log-likelihood prefers; ${reward.name} is another reward: use ` +
        `${logLikelihood.name}, or another method.`,
    );
  },
  plan,
};

async function plan(context: MethodContext): Promise<MethodPlan> {
  const { split, settings } = context;
  const power = ownSettings(powerSft.options, settings.own)["power"]!;
  const learned = await powerDraws(context, split.train, power);
  const judged = await powerDraws(context, split.validation, power);
  return planToLearnAll(context, learned, judged, { power });
}

/** N draws of π^α to each prompt, from the run's file or drawn into it, some prompts at a time. */
async function powerDraws(
  context: MethodContext,
  prompts: readonly Prompt[],
  alpha: number,
): Promise<Map<string, Response[]>> {
  const { run, policy, settings, maxTokens, seed, signal, onProgress } = context;
  const n = settings.trainN;
  const log = await run.log(DRAWS, responseRecords);
  const missing = prompts.filter((prompt) =>
    firstOf([prompt], n).some(({ index }) => !log.has(responseKey(prompt.id, index))),
  );
  let done = 0;
  const progress = (): void => onProgress?.({ stage: "drawing from π^α", done, total: missing.length });
  const { moves, blocks, particles } = POWER_DEFAULTS;
  const drawing = { method: "power", alpha, moves, blocks, particles, n, maxTokens, seed, signal } as const;
  if (missing.length > 0) progress();
  await drawPowerInto(log, policy, missing, drawing, () => {
    done++;
    progress();
  });
  return sharedDraws(log, policy, context).responses(prompts, n);
}
