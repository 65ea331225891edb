import type { Trainers } from "../../policy/trainer.js";

const refuse = (): Promise<never> => Promise.reject(new Error("nothing is trained here"));

/** For plans alone: drawing needs no trainer. */
export const nobody: Trainers = {
  vocabularySize: 50,
  parameters: () => 0,
  noFull: undefined,
  start: refuse,
  withAdapter: refuse,
};
