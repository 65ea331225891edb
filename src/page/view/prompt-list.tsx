import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Mark } from "../browse/mark.js";
import { ask, pause } from "./ask.js";
import { Link } from "./link.js";
import type { PromptLine, RunHead } from "./told.js";
import type { Followed } from "./use-run.js";

/** Rows that stand ready above and below what is seen. */
const READY = 10;
/** Pixels of a row: its facts stand beside the prompt, or on a phone below it. */
const ROW = 38;
const TALL_ROW = 84;
/** Milliseconds after which lines that could not be fetched are asked for again. */
const LATER_MS = 1000;
const NARROW = "(max-width: 900px)";

/** Where a list is scrolled to, in pixels. */
interface Window {
  readonly top: number;
  readonly height: number;
  readonly row: number;
}

/**
 * The prompts as a list of any length: only rows that are seen are in the page, and only their lines are fetched.
 * @param positions which prompts; a number is so many, from the first.
 */
export function PromptList({
  run,
  head,
  positions,
  followed,
}: {
  readonly run: string;
  readonly head: RunHead;
  readonly positions: readonly number[] | number;
  readonly followed: Followed;
}): VNode {
  const { store, standing } = followed;
  const box = useRef<HTMLDivElement>(null);
  const { top, height, row } = useWindow(box);
  const total = typeof positions === "number" ? positions : positions.length;
  const first = Math.max(0, Math.floor(top / row) - READY);
  const last = Math.min(total, Math.ceil((top + height) / row) + READY);
  const shown = Array.from({ length: Math.max(0, last - first) }, (_, i) =>
    typeof positions === "number" ? first + i : positions[first + i]!,
  );
  useLines(run, shown, followed);
  return (
    <div class="prompt-box" ref={box} role="list" aria-label="Prompts" tabIndex={0}>
      <div class="spacer" style={{ height: `${total * row}px` }}>
        <div class="rows" style={{ transform: `translateY(${first * row}px)` }}>
          {shown.map((at, i) => (
            <div
              key={at}
              class="prompt-row"
              role="listitem"
              aria-setsize={total}
              aria-posinset={first + i + 1}
              style={{ height: `${row}px` }}
            >
              <Row
                run={run}
                at={at}
                line={store.get(at)}
                head={head}
                drawing={standing?.state === "drawing"}
              />
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function useWindow(box: { readonly current: HTMLDivElement | null }): Window {
  const [seen, see] = useState<Window>({ top: 0, height: 800, row: ROW });
  useEffect(() => {
    const element = box.current!;
    const narrow = matchMedia(NARROW);
    const follow = (): void =>
      see({ top: element.scrollTop, height: element.clientHeight, row: narrow.matches ? TALL_ROW : ROW });
    follow();
    element.addEventListener("scroll", follow, { passive: true });
    addEventListener("resize", follow);
    return () => {
      element.removeEventListener("scroll", follow);
      removeEventListener("resize", follow);
    };
  }, []);
  return seen;
}

/** Fetches the lines that are missing or have changed, one request at a time. */
function useLines(run: string, shown: readonly number[], { store, standing }: Followed): void {
  const [fetched, tell] = useState(0);
  const busy = useRef(false);
  useEffect(() => {
    const missing = store.missing(shown);
    if (missing.length === 0 || busy.current) return;
    busy.current = true;
    const versions = new Map(missing.map((at) => [at, store.versionOf(at)]));
    ask<readonly PromptLine[]>("prompts", { run, at: missing.join() })
      .then((lines) => store.put(lines, versions))
      // That the server is gone is said by whoever follows the run.
      .catch(() => pause(LATER_MS))
      .finally(() => {
        busy.current = false;
        tell((times) => times + 1);
      });
  }, [run, shown.join(), standing, fetched]);
}

function Row({
  run,
  at,
  line,
  head,
  drawing,
}: {
  readonly run: string;
  readonly at: number;
  readonly line: PromptLine | undefined;
  readonly head: RunHead;
  readonly drawing: boolean;
}): VNode {
  if (line === undefined) return <span class="note">…</span>;
  const { label, greedy, choices, total, right, answers, chosenAnswers } = line;
  const rewards = head.choosers.slice(head.policies.length);
  const chosen = choices.some((choice) => choice >= 0);
  return (
    <Link to={{ run, show: "prompts", prompt: at }} look="prompt-link">
      <span class="prompt-text">{label}</span>
      <span class="facts">
        {head.labelled && total > 0 && <Mark correct={greedy} name="greedy" />}
        {head.labelled &&
          chosen &&
          rewards.map((name, i) => <Mark key={name} correct={choices[i]!} name={name} />)}
        {head.labelled && (
          <span class="fact">
            {right} of {total} right
          </span>
        )}
        {(drawing || !head.labelled) && (
          <span class="fact">
            {total} of {head.n} drawn
          </span>
        )}
        <span class="fact">
          {answers} {answers === 1 ? "answer" : "answers"}
        </span>
        {!head.labelled && chosenAnswers > 1 && <span class="fact">{chosenAnswers} different choices</span>}
      </span>
    </Link>
  );
}
