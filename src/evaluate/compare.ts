import { groundOf } from "./answers.js";
import { estimateDifference, estimateMean, type ValueKind } from "./bootstrap.js";
import { directionOf, type Direction } from "./findings-words.js";
import type { Estimate } from "./metrics.js";

/** One way in which a run answers its prompts: greedily, by one sample, by the choice of a self-reward, by an adapter. */
export interface Way {
  /** Equal for the same way of two runs. */
  readonly name: string;
  /** Whether the answer is right, in [0, 1], or its log π under the base, in nats. */
  readonly of: "accuracy" | "log-likelihood";
  /** By the prompt's id. */
  readonly values: ReadonlyMap<string, number>;
}

/** A way of two runs on the prompts that both have. */
export interface ComparedWay extends Pick<Way, "name" | "of"> {
  readonly prompts: number;
  readonly first: Estimate;
  readonly second: Estimate;
  /** The second less the first, paired by prompt, with its 95 % interval. */
  readonly difference: Estimate;
  /** The same with the interval that is to hold for all ways together (Bonferroni). */
  readonly simultaneous: Estimate;
  /** Which way it goes, by `simultaneous`. */
  readonly side: Direction;
}

/** The chance that all false claims of one comparison together have. */
const RISK = 0.05;

/** The ways that two runs have alike, in the first one's order, each on the prompts that both have. @param seed of the bootstrap. */
export function compareWays(first: readonly Way[], second: readonly Way[], seed: number): ComparedWay[] {
  const pairs = first.flatMap((way) => {
    const other = second.find(({ name, of }) => name === way.name && of === way.of);
    const ids = other ? [...way.values.keys()].filter((id) => other.values.has(id)) : [];
    return other && ids.length > 0 ? [{ way, other, ids }] : [];
  });
  const ground = groundOf(0, 0, { seed });
  return pairs.map(({ way, other, ids }) => {
    const { name, of } = way;
    const kind: ValueKind = of === "accuracy" ? "share" : "number";
    const [a, b] = [way, other].map(({ values }) => ids.map((id) => values.get(id)!)) as [number[], number[]];
    const resamples = ground.resamples(ids.length);
    const wider = { ...resamples, level: 1 - RISK / pairs.length };
    const simultaneous = estimateDifference(b, a, wider, kind);
    return {
      ...{ name, of, prompts: ids.length },
      first: estimateMean(a, resamples, kind),
      second: estimateMean(b, resamples, kind),
      difference: estimateDifference(b, a, resamples, kind),
      simultaneous,
      side: directionOf(simultaneous, ids.length, kind === "share" ? "points" : "nats"),
    };
  });
}
