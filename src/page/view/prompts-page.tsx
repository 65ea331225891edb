import type { VNode } from "preact";
import { NARROWINGS, type Narrowing } from "../browse/narrowing.js";
import { PromptList } from "./prompt-list.js";
import type { RunHead } from "./told.js";
import type { Followed } from "./use-run.js";

/** What the list of a run's prompts is narrowed to. */
export interface Wanted {
  readonly only: Narrowing | "";
  readonly words: string;
}

/** The prompts of a run, as a list that can be searched and narrowed. */
export function PromptsPage({
  run,
  head,
  wanted,
  want,
  found,
  followed,
}: {
  readonly run: string;
  readonly head: RunHead;
  readonly wanted: Wanted;
  readonly want: (wanted: Wanted) => void;
  readonly found: readonly number[] | undefined;
  readonly followed: Followed;
}): VNode {
  const narrowed = wanted.only !== "" || wanted.words !== "";
  const total = head.prompts;
  return (
    <>
      <h1>Prompts</h1>
      <form class="narrowing" role="search" onSubmit={(event) => event.preventDefault()}>
        <div class="field grow">
          <label for="words">Find in prompts and responses</label>
          <input
            id="words"
            type="search"
            autocomplete="off"
            spellcheck={false}
            value={wanted.words}
            onChange={(event) => want({ ...wanted, words: event.currentTarget.value.trim() })}
          />
        </div>
        <div class="field">
          <label for="only">Show only</label>
          <select
            id="only"
            value={wanted.only}
            onChange={(event) => want({ ...wanted, only: event.currentTarget.value as Narrowing | "" })}
          >
            <option value="">all prompts</option>
            {NARROWINGS.filter(({ labelled }) => head.labelled || !labelled).map(({ name, words }) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
        </div>
        <p id="shown" role="status">
          {narrowed && !found ? "Looking …" : shownInWords(found, total)}
        </p>
      </form>
      {(!narrowed || found) && (
        <PromptList {...{ run, head, followed }} positions={found ?? total} key={found ? "found" : "all"} />
      )}
    </>
  );
}

/** How many prompts are left of all. */
function shownInWords(found: readonly number[] | undefined, total: number): string {
  const all = `${total.toLocaleString("en")} prompts`;
  return found ? `${found.length.toLocaleString("en")} of ${all}` : all;
}
