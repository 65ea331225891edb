import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useAsked } from "./ask.js";
import { Drawn } from "./drawn.js";
import { Link } from "./link.js";
import type { Place } from "./place.js";
import { PromptPage } from "./prompt-page.js";
import { PromptsPage, type Wanted } from "./prompts-page.js";
import { Standing } from "./standing.js";
import type { RunHead } from "./told.js";
import { useRun, type Followed } from "./use-run.js";

/** A run: how it stands, its report once it is measured, and its prompts with all that was drawn. */
export function RunPage({ run, place }: { readonly run: string; readonly place: Place }): VNode {
  const followed = useRun(run);
  const { standing, error, store } = followed;
  const head = useAsked<RunHead>(
    "head",
    { run },
    standing && `${standing.asked} ${standing.training.length}`,
  );
  const [wanted, want] = useState<Wanted>({ only: "", words: "" });
  const found = useFound(run, wanted, followed);
  if (head.value === undefined || standing === undefined)
    return (
      <p class={(head.error ?? error) ? "trouble" : "note"}>{head.error ?? error ?? "Reading the run …"}</p>
    );
  const { task, model, n, prompts, remark } = head.value;
  const measured = standing.measured !== undefined;
  const show = place.prompt !== undefined ? "prompts" : (place.show ?? (measured ? "report" : "prompts"));
  const at = place.prompt;
  const { state, training } = standing;
  const iterates = training.reduce((sum, { iterates: one }) => sum + one, 0);
  return (
    <>
      <p class="kicker">
        <Link to={{}}>Runs</Link> / <b>{run}</b> · {model} on {task} · {prompts.toLocaleString("en")} prompts,
        N = {n}
      </p>
      <Standing {...standing} />
      {error !== undefined && <p class="trouble">{error}</p>}
      {measured && (
        <nav class="tabs" aria-label="Of this run">
          <Link to={{ run, show: "report" }} current={show === "report"}>
            Report
          </Link>
          <Link to={{ run, show: "prompts" }} current={show === "prompts"}>
            Prompts
          </Link>
        </nav>
      )}
      {show === "report" && measured && (
        <Drawn path="report" query={{ run }} version={standing.measured} wait="Drawing the report …" />
      )}
      {show === "prompts" && at === undefined && state === "training" && iterates > 0 && (
        <Drawn path="training" query={{ run }} version={iterates} wait="Drawing the training …" />
      )}
      {remark !== undefined && show === "prompts" && <p class="note">{remark}</p>}
      {show === "prompts" && at !== undefined && (
        <PromptPage run={run} at={at} head={head.value} order={found} version={store.versionOf(at)} />
      )}
      {show === "prompts" && at === undefined && (
        <PromptsPage {...{ run, wanted, want, found, followed }} head={head.value} />
      )}
    </>
  );
}

/** The positions of the prompts that are left; undefined where none was left out, or it is not known yet. */
function useFound(
  run: string,
  { only, words }: Wanted,
  { standing }: Followed,
): readonly number[] | undefined {
  const narrowed = only !== "" || words !== "";
  const { value } = useAsked<readonly number[]>(
    narrowed ? "found" : undefined,
    { run, ...(only !== "" && { only }), words },
    // While a run is drawn, what is found changes all the time: what was found stands until the run does.
    standing?.state,
  );
  return narrowed ? value : undefined;
}
