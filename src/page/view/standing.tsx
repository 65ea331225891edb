import type { VNode } from "preact";
import type { RunChanges, RunLine, RunState } from "./told.js";

const count = (value: number): string => value.toLocaleString("en");

/** What a run is doing, as a word. */
export function State({ state }: { readonly state: RunState }): VNode {
  return <span class={`state ${state}`}>{state}</span>;
}

/** How many responses are drawn of those that were asked for. */
export function Progress({ drawn, asked }: Pick<Required<RunLine>, "drawn" | "asked">): VNode {
  return (
    <span class="progress">
      <progress max={Math.max(1, asked)} value={drawn} aria-label="Responses drawn" /> {count(drawn)} of{" "}
      {count(asked)} responses
    </span>
  );
}

/** How a run stands: its state, how far it is, and what is trained. */
export function Standing({ state, drawn, asked, training }: RunChanges): VNode {
  return (
    <p class="standing" role="status">
      <State state={state} />
      {drawn < asked && <Progress drawn={drawn} asked={asked} />}
      {state === "training" && (
        <span>
          {training.map(({ name, iterates }) => `${name}: ${iterates} iterates measured`).join(", ")}
        </span>
      )}
    </p>
  );
}
