import { defineCommand } from "../command.js";
import { TRAIN, TRAIN_DETAILS, trainOnRun } from "../train-on-run.js";

/** `whetstone train sft <run>`: amortizes the choice of a run that was sampled. */
export const trainSftCommand = defineCommand({
  usage: "sft <run>",
  summary: "train the choice of a self-reward into an adapter, on a run that was sampled, and measure it",
  details: TRAIN_DETAILS,
  options: TRAIN,
  examples: [
    ["train sft runs/draws", "the paper's settings, or the preset of model and task"],
    ["train sft runs/draws --reward majority --epochs 5 --learning-rate 1e-3", "other settings"],
  ],
  run: ([dir], values, context) => trainOnRun("sft", dir, values, context),
});
