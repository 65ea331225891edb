import type { SftOptions } from "./sft.js";

/** Settings of SFT-Sharpening that are known to suit a model and a task, and where they come from. */
export interface Preset {
  readonly model: string;
  readonly task: string;
  readonly source: string;
  readonly sft: Omit<SftOptions, "seed" | "signal">;
  /** Orders of its numbers in which each training puzzle is asked (game24). */
  readonly orders?: number;
}

/**
 * The embedded model on its own task: the paper's learning rate, clipping and rank, with a larger batch and fewer epochs, since
 * its validation loss is lowest after two (docs/log.md). Every other model gets the paper's settings as they are.
 */
export const presets: readonly Preset[] = [
  {
    model: "game24",
    task: "game24",
    source: "docs/log.md",
    sft: { epochs: 3, batchSize: 32, learningRate: 3e-4, clipNorm: 0.1, weightDecay: 0, rank: 16 },
    orders: 3,
  },
];

/** The preset of a model and a task, if there is one. */
export function presetFor(model: string, task: string): Preset | undefined {
  return presets.find((preset) => preset.model === model && preset.task === task);
}
