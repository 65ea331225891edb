import { fixed, plural } from "./format.js";
import { html, scriptJson, trusted, type Html, type HtmlValue } from "./html.js";
import {
  browserData,
  rewardNames,
  shortLabels,
  shownText,
  summarize,
  type Limits,
  type PromptSummary,
} from "./prompt-data.js";
import type { PromptRow, ResponseRow } from "./report-input.js";

const EVERYTHING: Limits = { text: Infinity, unchosen: true, prompts: Infinity };

/** The prompts' part may take this much of a page of less than 8 MB. */
const BUDGET_BYTES = 7_000_000;

/** Tried in turn until the prompts' part fits. */
const STEPS: readonly Limits[] = [
  EVERYTHING,
  ...[4000, 2000, 1000, 500, 250, 120].map((text) => ({ ...EVERYTHING, text })),
  ...[1000, 250, 120].map((text) => ({ ...EVERYTHING, text, unchosen: false })),
  ...[2000, 1000, 500, 250].map((prompts) => ({ text: 120, unchosen: false, prompts })),
];

/**
 * The browsable list of prompts. Without scripts each prompt opens to the greedy response and those that a reward
 * chose; the page's script fills in all responses from the JSON block on opening, filters and sorts.
 */
export function promptBrowser(
  prompts: readonly PromptRow[],
  order: readonly string[] = [],
  budget = BUDGET_BYTES,
): Html {
  let section = html``;
  for (const limits of STEPS) {
    section = promptSection(prompts, rewardNames(prompts, order), limits);
    if (Buffer.byteLength(section.markup) <= budget) break;
  }
  return section;
}

function promptSection(prompts: readonly PromptRow[], rewards: readonly string[], limits: Limits): Html {
  const shown = prompts.slice(0, limits.prompts);
  const labels = shortLabels(shown);
  const summaries = shown.map(summarize);
  const labelled = summaries.some((s) => s.labelled);
  return html`${cutNotice(prompts, limits)}
    <noscript
      ><p class="note">
        Without scripts each prompt opens to its greedy response and to those that a self-reward chose; all
        responses are in the run folder’s <code>responses.jsonl</code>.
      </p></noscript
    >
    ${controls(labelled, shown.length)}
    <div id="prompts">
      ${shown.map((prompt, i) => promptDetails(prompt, summaries[i] as PromptSummary, labels[i] ?? "", i, rewards, limits))}
    </div>
    <script type="application/json" id="responses">
      ${trusted(scriptJson(browserData(prompts, rewards, limits)).markup)}
    </script>`;
}

function cutNotice(prompts: readonly PromptRow[], limits: Limits): Html | undefined {
  if (limits === EVERYTHING) return undefined;
  const parts = [
    limits.text < Infinity && `texts are cut to ${limits.text} characters`,
    !limits.unchosen && "only responses that a self-reward chose are listed",
    limits.prompts < prompts.length &&
      `only the first ${limits.prompts} of ${prompts.length} prompts are listed`,
  ].filter((part) => part !== false);
  if (parts.length === 0) return undefined;
  return html`<p class="note">
    To keep this page small, ${parts.join("; ")}. The run folder holds everything.
  </p>`;
}

function controls(labelled: boolean, total: number): Html {
  return html`<form id="filters" hidden>
    <div class="field grow">
      <label for="filter-text">Find in prompts and responses</label>
      <input id="filter-text" type="search" autocomplete="off" spellcheck="false" />
    </div>
    <div class="field">
      <label for="sort">Sort by</label>
      <select id="sort">
        <option value="order">Order of the task</option>
        <option value="answers">Most distinct answers</option>
        <option value="likelihood">Highest log-probability</option>
        ${
          labelled &&
          html`<option value="most">Most correct responses</option>
            <option value="fewest">Fewest correct responses</option>`
        }
      </select>
    </div>
    <fieldset>
      <legend>Show only</legend>
      <label><input type="checkbox" id="filter-disagree" /> rewards disagree</label>
      ${labelled && html`<label><input type="checkbox" id="filter-none" /> no correct response</label>`}
    </fieldset>
    <p id="shown" role="status">${plural(total, "prompt")}</p>
  </form>`;
}

function promptDetails(
  prompt: PromptRow,
  s: PromptSummary,
  label: string,
  i: number,
  rewards: readonly string[],
  limits: Limits,
): Html {
  const disagree = s.chosenAnswers > 1;
  const none = s.labelled && s.correct === 0;
  const total = prompt.responses.length;
  return html`<details
    class="prompt"
    data-i="${i}"
    data-disagree="${disagree ? 1 : 0}"
    data-none="${none ? 1 : 0}"
    data-correct="${s.correct}"
    data-answers="${s.answers}"
    data-best="${Number.isFinite(s.bestLogProb) ? s.bestLogProb.toFixed(3) : 0}"
  >
    <summary>
      <span class="prompt-text">${label}</span>
      <span class="facts"
        >${prompt.greedy?.correct !== undefined && html`<span class="fact">greedy ${mark(prompt.greedy.correct)}</span> `}${s.labelled && html`<span class="fact">${s.correct} of ${total} correct</span> `}<span
          class="fact"
          >${plural(s.answers, "answer")}</span
        >
        <span class="fact${disagree && " differ"}">${chosenFact(s.chosenAnswers)}</span></span
      >
    </summary>
    <div class="inside">
      <p class="note">Prompt <code>${shownText(prompt.id, limits)}</code></p>
      <pre>${shownText(prompt.text, limits)}</pre>
      <div class="responses">${chosenTable(prompt, rewards, limits)}</div>
    </div>
  </details> `;
}

function chosenFact(chosenAnswers: number): string {
  if (chosenAnswers === 0) return "nothing chosen";
  return chosenAnswers === 1 ? "rewards agree" : `${chosenAnswers} different choices`;
}

/** ✓ or ✗ with a word for those who do not see it. */
function mark(correct: boolean | undefined): Html {
  if (correct === undefined) return html`<span class="none">–</span>`;
  return correct
    ? html`<span class="right"><span aria-hidden="true">✓</span><span class="sr">correct</span></span>`
    : html`<span class="wrong"><span aria-hidden="true">✗</span><span class="sr">incorrect</span></span>`;
}

function chosenTable({ greedy, responses }: PromptRow, rewards: readonly string[], limits: Limits): Html {
  const rank = (r: ResponseRow): number => Math.min(...r.chosenBy.map((name) => rewards.indexOf(name)));
  const chosen = responses.filter((r) => r.chosenBy.length > 0).sort((a, b) => rank(a) - rank(b));
  const labelled = greedy?.correct !== undefined || responses.some((r) => r.correct !== undefined);
  const row = (r: Pick<ResponseRow, "text" | "logProb" | "correct">, by: string): HtmlValue =>
    html`<tr>
      <th scope="row">${by}</th>
      <td class="text">${shownText(r.text, limits)}</td>
      <td>${fixed(r.logProb, 2)}</td>
      ${labelled && html`<td>${mark(r.correct)}</td>`}
    </tr>`;
  return html`<div class="scroll" role="region" aria-label="Greedy and chosen responses" tabindex="0">
    <table class="chosen">
      <caption>
        Greedy, and what each self-reward chose
      </caption>
      <thead>
        <tr>
          <th scope="col">Chosen by</th>
          <th scope="col" class="text">Response</th>
          <th scope="col">log π, nats</th>
          ${labelled && html`<th scope="col">Correct</th>`}
        </tr>
      </thead>
      <tbody>
        ${greedy && row(greedy, "greedy decoding")}${chosen.map((r) => row(r, r.chosenBy.join(", ")))}
      </tbody>
    </table>
  </div>`;
}
