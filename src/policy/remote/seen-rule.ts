import type { DrawnSoFar } from "../policy.js";
import type { StopRule } from "./connection.js";

/** Sees an unfinished response, and says whether it is to be dropped. */
export type SeenRule = (soFar: Omit<DrawnSoFar, "promptId" | "index">) => boolean;

/** Asks a rule after each token of an unfinished response, once; the last token of what is there may be the end. */
export function droppedAt(dropped: SeenRule): StopRule {
  let asked = 0;
  let sum = 0;
  return (logProbs, text) => {
    while (asked < logProbs.length - 1) {
      sum += logProbs[asked++]!;
      if (dropped({ length: asked, logProb: sum, logProbs: logProbs.slice(0, asked), text })) return true;
    }
    return false;
  };
}
