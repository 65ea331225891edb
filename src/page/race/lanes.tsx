import { Component, type VNode } from "preact";
import { visibleText } from "../../core/visible-text.js";
import { fixed } from "../numbers.js";
import type { Standing } from "./standing.js";
import type { Lane, Piece } from "./state.js";

/** Steps of the tint; the last is of tokens with log π of −3 and less. */
export const TINT_STEPS = 6;

/** How strongly a token is tinted: not at all where it was almost certain. */
export function tintOf(logProb: number): number {
  if (logProb > -0.1) return 0;
  return Math.min(TINT_STEPS, Math.max(1, Math.ceil((-logProb / 3) * TINT_STEPS)));
}

interface LaneProps {
  readonly lane: Lane;
  readonly standing: Standing;
  /** The other rewards that would have chosen it. */
  readonly others: readonly string[];
  readonly marked: boolean;
  readonly onMark: (c: number | undefined) => void;
}

function Token({ text, logProb, tokens }: Piece): VNode {
  const told = `log π ${fixed(logProb, 2)}${tokens > 1 ? `, mean of ${tokens} tokens` : ""}`;
  return (
    <span class={`t${tintOf(logProb)}`} title={told}>
      {visibleText(text)}
    </span>
  );
}

/** One candidate: its text tinted by log-probability, what it has, and how it stands. Drawn again only where it has changed. */
class LaneRow extends Component<LaneProps> {
  override shouldComponentUpdate(next: Readonly<LaneProps>): boolean {
    const { lane, standing, others, marked } = this.props;
    return (
      next.lane !== lane ||
      next.marked !== marked ||
      next.standing.look !== standing.look ||
      next.standing.words !== standing.words ||
      next.others.length !== others.length
    );
  }

  override render({ lane, standing, others, marked, onMark }: LaneProps): VNode {
    const { c, pieces, sum, tokens } = lane;
    return (
      <li
        class={`lane ${standing.look}${marked ? " marked" : ""}`}
        onMouseEnter={() => onMark(c)}
        onMouseLeave={() => onMark(undefined)}
      >
        <span class="number">#{c}</span>
        <span class="said">
          {pieces.map((piece, at) => (
            <Token key={at} {...piece} />
          ))}
        </span>
        <span class="sum">
          {tokens > 0 && (
            <>
              {fixed(sum, 1)} <small>{tokens} tok</small>
            </>
          )}
        </span>
        <span class="words">
          {standing.words}
          {others.map((name) => (
            <span key={name} class="other">
              {" "}
              {name} takes it
            </span>
          ))}
        </span>
      </li>
    );
  }
}

/** The candidates, each in its lane. */
export function Lanes({
  rows,
  marked,
  onMark,
}: {
  readonly rows: readonly Omit<LaneProps, "marked" | "onMark">[];
  readonly marked: number | undefined;
  readonly onMark: (c: number | undefined) => void;
}): VNode {
  return (
    <ol class="lanes" aria-label="Candidates">
      {rows.map((row) => (
        <LaneRow key={row.lane.c} {...row} marked={marked === row.lane.c} onMark={onMark} />
      ))}
    </ol>
  );
}
