import type { VNode } from "preact";
import { NARROWINGS } from "../page/browse/narrowing.js";
import { plural } from "./format.js";
import type { BrowserData } from "./prompt-data.js";

/** The browsable list of prompts, which the page's script fills a page at a time from the JSON block. */
export function PromptBrowser({
  data,
  total,
}: {
  readonly data: BrowserData;
  readonly total: number;
}): VNode {
  return (
    <>
      {data.cut !== undefined && <p class="note">{data.cut}</p>}
      <noscript>
        <p class="note">
          The list of prompts needs scripts; all responses are in the run folder’s{" "}
          <code>responses.jsonl</code>.
        </p>
      </noscript>
      <form id="filters" hidden>
        <div class="field grow">
          <label for="filter-text">Find in prompts and responses</label>
          <input id="filter-text" type="search" autocomplete="off" spellcheck={false} />
        </div>
        <div class="field">
          <label for="sort">Sort by</label>
          <select id="sort">
            <option value="order">Order of the task</option>
            <option value="answers">Most distinct answers</option>
            <option value="likelihood">Highest log-probability</option>
            {data.labelled && <option value="most">Most correct responses</option>}
            {data.labelled && <option value="fewest">Fewest correct responses</option>}
          </select>
        </div>
        <fieldset>
          <legend>Show only</legend>
          {NARROWINGS.filter(({ labelled }) => data.labelled || !labelled).map(({ name, words }) => (
            <label key={name}>
              <input type="checkbox" id={`filter-${name}`} /> {words}
            </label>
          ))}
        </fieldset>
        <p id="shown" role="status">
          {plural(total, "prompt")}
        </p>
      </form>
      <div id="prompts" />
      <nav id="pages" aria-label="Pages of prompts" hidden>
        <button type="button" id="previous">
          ← Previous
        </button>
        <span id="page" />
        <button type="button" id="next">
          Next →
        </button>
      </nav>
    </>
  );
}
