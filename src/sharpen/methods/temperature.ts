import { UsageError } from "../../core/errors.js";
import { TEMPERATURE } from "../../transformer/families/modules.js";
import { dpo, plan as planRegression } from "./dpo.js";
import { checkRegressable } from "./base-responses.js";
import type { Method } from "./method.js";

/** Responses per prompt when none are given: 28 pairs. */
const DEFAULT_N = 8;

/**
 * The floor that every other method is compared with: RLHF-Sharpening (paper eq. 4/8) over the smallest class of policies, the base at
 * another temperature. One number is fitted by reward regression and merged into the final norm's weight, which multiplies the logits.
 * For responses of one token and the log-likelihood it is exact: π^(1+1/β).
 */
export const temperature: Method = {
  name: "temperature",
  title: "Temperature",
  brief: "one number, the base's temperature",
  summary:
    "fit the base's temperature to a self-reward, and save it as an adapter: the floor for other methods",
  details:
    "Fits one number by reward regression on pairs of the base's responses, as dpo fits an adapter, and merges it into the final norm. What " +
    "an adapter's rank and target modules are does not matter to it.",
  examples: [
    ["", "eight responses a prompt"],
    ["--reward self-certainty --beta 0.2", "the temperature that fits this reward"],
  ],
  options: dpo.options,
  trainN: { default: DEFAULT_N, least: 2, help: "every two are a pair" },
  patience: dpo.patience,
  keep: "objective",
  presetsOf: "dpo",
  iterate: "epoch",
  draws: dpo.draws,
  page: dpo.page,
  check: ({ fit }, reward) => {
    if (fit.full)
      throw new UsageError(
        "Temperature trains one number, not every weight: train it by itself, on top of another.",
      );
    checkRegressable(reward, "Temperature");
  },
  async plan(context) {
    const plan = await planRegression(context);
    return { ...plan, fitTo: (fit) => plan.fitTo((problem) => fit({ ...problem, targets: [TEMPERATURE] })) };
  },
};
