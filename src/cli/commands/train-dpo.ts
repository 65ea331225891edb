import { defineCommand } from "../command.js";
import { TRAIN, TRAIN_DETAILS, trainOnRun } from "../train-on-run.js";

/** `whetstone train dpo <run>`: RLHF-Sharpening, offline. */
export const trainDpoCommand = defineCommand({
  usage: "dpo <run>",
  summary: "train differences of a self-reward into an adapter (reward-regression DPO), and measure it",
  details:
    "Draws N responses (--train-n) to each training prompt from the base, or takes those that the run has, and fits every pair of " +
    "them (paper eq. 4 and 8): N = 2 is the paper's one pair a prompt. Their reference log-probabilities are those of sampling. " +
    TRAIN_DETAILS,
  options: [...TRAIN, "beta"] as const,
  examples: [
    ["train dpo runs/draws", "two responses a prompt, or the preset of model and task"],
    ["train dpo runs/draws --train-n 8 --beta 0.25", "28 pairs a prompt, towards a sharper target"],
  ],
  run: ([dir], values, context) => trainOnRun("dpo", dir, values, context),
});
