import type { ChosenFrame, PrunedFrame, RaceFrame, StartFrame, TokenFrame } from "./frames.js";

/** A part of a candidate's text, with log π of the tokens that made it. */
export interface Piece {
  readonly text: string;
  /** Of the token, or the mean where several came at once; in nats. */
  readonly logProb: number;
  readonly tokens: number;
}

/** A candidate, as the page shows it. */
export interface Lane {
  readonly c: number;
  readonly pieces: readonly Piece[];
  /** Tokens so far, and Σ log π of them. */
  readonly tokens: number;
  readonly sum: number;
  /** Σ log π after each number of tokens that was told, from (0, 0). */
  readonly path: readonly (readonly [tokens: number, sum: number])[];
  /** Whether it is whole, and what ended it. */
  readonly finish?: string;
  /** Why it can no longer be chosen. */
  readonly out?: Omit<PrunedFrame, "c">;
}

/** A race, as the page shows it. */
export interface Race {
  readonly lanes: readonly Lane[];
  readonly start?: StartFrame;
  /** Who leads among those that are whole, and its score. */
  readonly leader?: { readonly c: number; readonly score: number };
  readonly chosen?: ChosenFrame;
  readonly error?: string;
}

/** A race of which nothing is known yet but N. */
export function newRace(n: number): Race {
  return {
    lanes: Array.from({ length: n }, (_, c) => ({ c, pieces: [], tokens: 0, sum: 0, path: [[0, 0]] })),
  };
}

/** The race after some frames, in order. Lanes that none of them concerns stay the very same. */
export function afterFrames(race: Race, frames: readonly RaceFrame[]): Race {
  return frames.reduce(afterFrame, race);
}

function afterFrame(race: Race, frame: RaceFrame): Race {
  switch (frame.kind) {
    case "start": {
      const { kind: _, ...start } = frame;
      return { ...newRace(start.best_of), start };
    }
    case "token":
      return withLane(race, frame.c, (lane) => grown(lane, frame));
    case "pruned": {
      const { kind: _, c, ...out } = frame;
      return withLane(race, c, (lane) => ({ ...lane, out }));
    }
    case "finished": {
      const { c, tokens, finish, leader } = frame;
      const whole = withLane(race, c, (lane) => ({ ...grown(lane, { ...frame, i: tokens }), finish }));
      return leader ? { ...whole, leader } : whole;
    }
    case "chosen": {
      const { kind: _, ...chosen } = frame;
      return { ...race, chosen };
    }
    case "error":
      return { ...race, error: frame.message };
  }
}

function withLane(race: Race, c: number, change: (lane: Lane) => Lane): Race {
  return { ...race, lanes: race.lanes.map((lane) => (lane.c === c ? change(lane) : lane)) };
}

function grown(lane: Lane, { i, text, keep, lp, sum }: Omit<TokenFrame, "c">): Lane {
  const pieces = keptPieces(lane.pieces, keep);
  const mean = lp.length === 0 ? 0 : lp.reduce((a, b) => a + b, 0) / lp.length;
  const more = text === "" ? [] : [{ text, logProb: mean, tokens: lp.length }];
  return {
    ...lane,
    pieces: [...pieces, ...more],
    tokens: i,
    sum,
    path: i > lane.tokens ? [...lane.path, [i, sum] as const] : lane.path,
  };
}

/** The pieces of the first so many characters; the last may be cut. */
function keptPieces(pieces: readonly Piece[], keep: number): readonly Piece[] {
  let length = pieces.reduce((sum, { text }) => sum + text.length, 0);
  if (length <= keep) return pieces;
  const kept = [...pieces];
  while (kept.length > 0 && length > keep) {
    const last = kept.pop()!;
    length -= last.text.length;
    if (length < keep) {
      kept.push({ ...last, text: last.text.slice(0, keep - length) });
      break;
    }
  }
  return kept;
}
