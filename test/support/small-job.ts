import type { CommandLine } from "./cli.js";

/** Responses per prompt of the small job. */
export const SMALL_N = 10;
/** Test files share the cores. */
export const ONE_THREAD = ["--threads", "1"] as const;
/** What the small job draws: some prompts of game24, in one order each. */
export const SMALL_DRAW = [
  ...["--prompts", "12", "--n", String(SMALL_N), "--seed", "3", "--orders", "1"],
  ...ONE_THREAD,
] as const;
/** What it trains. */
export const SMALL_TRAINING = [
  ...["--train-prompts", "24", "--train-n", "4", "--epochs", "2", "--batch-size", "8", "--rank", "4"],
] as const;
/** The same, of what else may be said. */
export const MORE_TRAINING = [
  ...["--curve-samples", "1", "--alpha", "8", "--learning-rate", "0.001"],
] as const;

/** Draws, chooses, trains by SFT, measures: the whole job into the folder `whole`. @returns what `--json` gives. */
export function smallJob(cli: CommandLine): Promise<Record<string, unknown>> {
  return cli.json([
    ...["sharpen", "game24", ...SMALL_DRAW, ...SMALL_TRAINING, ...MORE_TRAINING],
    ...["--methods", "sft", "--adaptive", "0.2", "--run", "whole"],
  ]);
}
