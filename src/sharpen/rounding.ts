import type { Response } from "../policy/policy.js";

/** Standard deviations of a response's sum that are allowed for. */
const DEVIATIONS = 6;
/** What has to be seen before anything is said. */
const FEWEST_RESPONSES = 8;
const FEWEST_TOKENS = 128;

/** Where log π of some tokens lies, of which a rounded model's word is known: within `margin` of `centre`, in nats. */
export interface Bounds {
  readonly centre: number;
  readonly margin: number;
}

/**
 * How far a rounded model's log π is from the unrounded one's, as measured on tokens that it drew: the mean and the spread of
 * log π_rounded − log π over them. The differences of T tokens sum to T times their mean, give or take six standard deviations √T·s and
 * the largest single one (few tokens are not a normal sum). That is no proof for a response to come; so each that is scored exactly is held
 * against it, and one beyond it widens it (`check`). Until a few responses are measured nothing is known, and the margin is infinite.
 */
export class Rounding {
  private responses = 0;
  private tokens = 0;
  private sum = 0;
  private squares = 0;
  private largest = 0;
  private wider = 1;

  /** Whether enough is measured. */
  get isKnown(): boolean {
    return this.responses >= FEWEST_RESPONSES && this.tokens >= FEWEST_TOKENS;
  }

  /** Takes a response that was not picked by what the rounded model says of it. */
  take(rounded: readonly number[], exact: readonly number[]): void {
    this.responses++;
    rounded.forEach((logProb, t) => {
      const difference = logProb - exact[t]!;
      this.tokens++;
      this.sum += difference;
      this.squares += difference ** 2;
      this.largest = Math.max(this.largest, Math.abs(difference));
    });
  }

  /** Where the unrounded log π of `length` tokens lies whose rounded one is `logProb`. */
  bounds(logProb: number, length: number): Bounds {
    if (!this.isKnown) return { centre: logProb, margin: Infinity };
    const mean = this.sum / this.tokens;
    const spread = Math.sqrt(Math.max(0, this.squares / this.tokens - mean ** 2));
    const margin = this.wider * (DEVIATIONS * spread * Math.sqrt(length) + this.largest);
    return { centre: logProb - mean * length, margin };
  }

  /** Holds a response that was scored exactly against its bounds, and widens them to twice its distance where it lies beyond. */
  check(rounded: readonly number[], exact: readonly number[]): void {
    const { centre, margin } = this.bounds(sumOf(rounded), rounded.length);
    const distance = Math.abs(sumOf(exact) - centre);
    if (distance > margin) this.wider *= (2 * distance) / margin;
  }

  /** A response as it would be with its log π at a bound (side 1 or −1), or in the middle (0): each token is moved alike. */
  at(response: Response, side: -1 | 0 | 1): Response {
    const { logProbs } = response;
    const total = sumOf(logProbs);
    const { centre, margin } = this.bounds(total, logProbs.length);
    const shift = (centre - total + (side === 0 ? 0 : side * margin)) / logProbs.length;
    return { ...response, logProbs: logProbs.map((logProb) => logProb + shift) };
  }
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
