import { defineCommand } from "../command.js";
import { PAIRS } from "../options.js";
import { TRAIN, TRAIN_DETAILS, trainOnRun } from "../train-on-run.js";

/** `whetstone train xpo <run>`: RLHF-Sharpening with exploration. */
export const trainXpoCommand = defineCommand({
  usage: "xpo <run>",
  summary:
    "train with exploration (XPO): rounds of responses from the adapter against the base's, and measure it",
  details:
    "Deals the training prompts out over T rounds (paper Alg. 1). In each, one response is drawn from the current adapter and N − 1 " +
    "(--train-n) from the base, the adapter is fitted to all pairs so far (--epochs passes), and J_β is estimated on validation " +
    "prompts; the best iterate is kept. Continues after every round. " +
    TRAIN_DETAILS,
  options: [...TRAIN, ...PAIRS] as const,
  examples: [
    ["train xpo runs/draws", "β and α by the paper's formulas, or the preset of model and task"],
    ["train xpo runs/draws --rounds 8 --beta 0.5 --optimism 0.01", "eight rounds, β and α given"],
  ],
  run: ([dir], values, context) => trainOnRun("xpo", dir, values, context),
});
