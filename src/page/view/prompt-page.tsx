import type { VNode } from "preact";
import { useLayoutEffect } from "preact/hooks";
import type { CompactText } from "../browse/data.js";
import { groupsOf, type AnswerGroup } from "../browse/groups.js";
import { Mark } from "../browse/mark.js";
import { fixed } from "../numbers.js";
import { useAsked } from "./ask.js";
import { Link } from "./link.js";
import { goTo, type Place } from "./place.js";
import type { PromptWhole, RunHead } from "./told.js";

/** Groups that are open at first. */
const OPEN = 3;

/**
 * One prompt with all that was drawn for it, grouped by distinct answer; the arrow keys lead to the one before and after it.
 * @param order the positions of the prompts that are left; absent: all.
 * @param version changes whenever the prompt gains something.
 */
export function PromptPage({
  run,
  at,
  head,
  order,
  version,
}: {
  readonly run: string;
  readonly at: number;
  readonly head: RunHead;
  readonly order: readonly number[] | undefined;
  readonly version: string;
}): VNode {
  const { value, error } = useAsked<PromptWhole>("prompt", { run, at: `${at}` }, version);
  const position = order ? order.indexOf(at) : at;
  const total = order ? order.length : head.prompts;
  const neighbour = (step: number): Place | undefined => {
    const to = position + step;
    return position < 0 || to < 0 || to >= total
      ? undefined
      : { run, show: "prompts", prompt: order ? order[to]! : to };
  };
  const [before, after, list] = [neighbour(-1), neighbour(1), { run, show: "prompts" } as const];
  useKeys({ ArrowLeft: before, ArrowRight: after, Escape: list });
  return (
    <>
      <nav class="turning" aria-label="Prompts">
        <Link to={list}>All prompts</Link>
        <Turn to={before}>← Previous</Turn>
        <span>
          {position + 1} of {total.toLocaleString("en")}
        </span>
        <Turn to={after}>Next →</Turn>
      </nav>
      {value === undefined ? (
        <p class={error ? "trouble" : "note"}>{error ?? "Reading the prompt …"}</p>
      ) : (
        <Whole whole={value} head={head} />
      )}
    </>
  );
}

function Turn({ to, children }: { readonly to: Place | undefined; readonly children: string }): VNode {
  return (
    <button type="button" disabled={to === undefined} onClick={() => to && goTo(to)}>
      {children}
    </button>
  );
}

/** Keys that lead somewhere, wherever the focus is but in a field. */
function useKeys(places: Readonly<Record<string, Place | undefined>>): void {
  // In force with the page that says where they lead: after the next frame only, a key pressed before it would go nowhere.
  useLayoutEffect(() => {
    const follow = (event: KeyboardEvent): void => {
      const { target, key } = event;
      if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
      if (target instanceof HTMLElement && target.closest("input, select, textarea")) return;
      const to = places[key];
      if (!to) return;
      event.preventDefault();
      goTo(to);
    };
    addEventListener("keydown", follow);
    return () => removeEventListener("keydown", follow);
  });
}

function Whole({ whole, head }: { readonly whole: PromptWhole; readonly head: RunHead }): VNode {
  const { prompt, facts } = whole;
  const groups = groupsOf(prompt, head.policies.length);
  return (
    <>
      <h1 class="prompt-title">Prompt {prompt.id}</h1>
      <pre tabIndex={0} role="region" aria-label="Prompt">
        {prompt.text}
      </pre>
      <p class="note">
        {facts.total} of {head.n} responses drawn, {facts.answers}{" "}
        {facts.answers === 1 ? "answer" : "answers"}
        {head.labelled && facts.total > 0 && `, ${facts.right} right`}. Arrow keys: the prompt before and
        after.
      </p>
      {groups.map((group, i) => (
        <Group key={group.answer ?? ""} group={group} head={head} total={facts.total} open={i < OPEN} />
      ))}
    </>
  );
}

interface GroupProps {
  readonly group: AnswerGroup;
  readonly head: RunHead;
  readonly total: number;
  readonly open: boolean;
}

/** One answer: how often it was drawn, whether it is right, who takes it, and the texts that give it. */
function Group({ group, head, total, open }: GroupProps): VNode {
  const { answer, times, correct, by, texts } = group;
  return (
    <details class="answer-group" open={open}>
      <summary>
        <span class="answer-count">
          <b>{times[0]}×</b>{" "}
          <meter min={0} max={Math.max(1, total)} value={times[0]} aria-label="Share of the responses" />
        </span>
        <span class="answer-text">{answer ?? <span class="none">no answer</span>}</span>
        {head.labelled && <Mark correct={correct} />}
        <span class="takers">{by.map((one) => head.choosers[one]).join(", ")}</span>
      </summary>
      <div class="scroll" role="region" aria-label={`Responses: ${answer ?? "no answer"}`} tabIndex={0}>
        <table class="texts">
          <thead>
            <tr>
              <th scope="col">Response</th>
              {head.policies.map((name) => (
                <th scope="col" key={name}>
                  {head.policies.length > 1 ? `Drawn by ${name}` : "Drawn"}
                </th>
              ))}
              <th scope="col">Tokens</th>
              <th scope="col">log π, nats</th>
              <th scope="col">per token</th>
              <th scope="col" class="by">
                Taken by
              </th>
            </tr>
          </thead>
          <tbody>
            {texts.map((text) => (
              <TextRow key={text[0]} text={text} head={head} />
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

const orDash = (value: number | null, write: (value: number) => string): string =>
  value === null ? "–" : write(value);

function TextRow({
  text: [words, times, tokens, logProb, , , , by],
  head,
}: {
  readonly text: CompactText;
  readonly head: RunHead;
}): VNode {
  return (
    <tr class={by && "picked"}>
      <th scope="row" class="text">
        {words}
      </th>
      {head.policies.map((name, at) => (
        <td key={name}>{times[at] ? `${times[at]}×` : "–"}</td>
      ))}
      <td>{orDash(tokens, String)}</td>
      <td>{orDash(logProb, (value) => fixed(value, 2))}</td>
      <td>{orDash(logProb, (value) => fixed(value / Math.max(1, tokens ?? 1), 3))}</td>
      <td class="by">{by?.map((one) => head.choosers[one]).join(", ")}</td>
    </tr>
  );
}
