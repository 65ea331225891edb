import type { AnswerEvent, Scored } from "./answer-events.js";

/** Where one prompt stands, by its events. */
export interface Candidates {
  /** Takes the next event of this prompt. */
  take(event: AnswerEvent): void;
  /** Responses that have begun and are neither whole nor dropped; those that are whole; those that were dropped. */
  readonly drawing: number;
  readonly finished: number;
  readonly dropped: number;
  /** Tokens drawn so far, those of dropped responses included. */
  readonly tokens: number;
  /** The one that would be chosen now, with its text; absent where none is whole, or its score is not known before the end. */
  readonly leader: (Scored & { readonly text: string }) | undefined;
  /**
   * What every response that can still be chosen begins with: the choice begins with it, whichever it is. Empty as long as one
   * of them has not begun. It only ever grows, where a text only grows with its tokens.
   */
  readonly commonPrefix: string;
}

/** A response that can still be chosen. */
interface Candidate {
  readonly text: string;
  readonly length: number;
  readonly whole: boolean;
}

/**
 * Follows the events of one prompt of which `n` responses are drawn.
 * @param stop texts that end a response: of an unfinished one, nothing is taken for its text that may be the beginning of one.
 */
export function candidates(n: number, stop: readonly string[] = []): Candidates {
  const open = new Map<number, Candidate>();
  let leader: Scored | undefined;
  let [finished, dropped, past] = [0, 0, 0];
  let texts: readonly string[] = [];
  let chosen: string | undefined;
  const ended = (index: number): void => {
    open.delete(index);
  };
  const take = (event: AnswerEvent): void => {
    if (event.kind === "drawn") {
      // A character that is only begun may become any other.
      const text = withoutBegun(event.text.replace(/\uFFFD+$/, ""), stop);
      open.set(event.index, { text, length: event.length, whole: false });
    } else if (event.kind === "dropped") {
      ended(event.index);
      dropped++;
      past += event.length;
    } else if (event.kind === "finished") {
      const { index, text, logProbs } = event.response;
      open.set(index, { text, length: logProbs.length, whole: true });
      finished++;
      leader = event.leader;
      for (const out of event.out) {
        past += open.get(out)?.length ?? 0;
        ended(out);
      }
    } else {
      chosen = event.chosen.text;
      leader = { index: event.chosen.index, score: event.score };
    }
    texts = [...open.values()].map(({ text }) => text);
  };
  const drawing = (): number => [...open.values()].filter(({ whole }) => !whole).length;
  return {
    take,
    get drawing() {
      return drawing();
    },
    get finished() {
      return finished;
    },
    get dropped() {
      return dropped;
    },
    get tokens() {
      return past + [...open.values()].reduce((sum, { length }) => sum + length, 0);
    },
    get leader() {
      const text = leader && (open.get(leader.index)?.text ?? chosen);
      return leader && text !== undefined ? { ...leader, text } : undefined;
    },
    get commonPrefix() {
      if (chosen !== undefined) return chosen;
      return drawing() + finished + dropped < n ? "" : sharedStart(texts);
    },
  };
}

/** A text without the end of it that one of these texts begins with. */
function withoutBegun(text: string, stop: readonly string[]): string {
  const begun = stop.map((one) => {
    let length = Math.min(one.length - 1, text.length);
    while (length > 0 && !text.endsWith(one.slice(0, length))) length--;
    return length;
  });
  return text.slice(0, text.length - Math.max(0, ...begun));
}

/** The longest text that all begin with, in whole characters. */
function sharedStart([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  for (const other of others) {
    let at = 0;
    while (at < length && first[at] === other[at]) at++;
    length = at;
  }
  // Not between the halves of a character outside the basic plane.
  const start = first.slice(0, length);
  return /[\uD800-\uDBFF]$/.test(start) ? start.slice(0, -1) : start;
}
