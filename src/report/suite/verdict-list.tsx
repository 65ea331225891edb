import type { VNode } from "preact";
import type { AmortizedCell, InferenceCell, SuiteResult, Verdict } from "../../reproduce/result.js";
import { list } from "../format.js";
import { cellName } from "./amortized-figures.js";

interface Judged {
  readonly name: string;
  readonly verdict: Verdict | undefined;
  readonly findings: readonly string[];
  readonly failures: readonly string[];
  readonly blank: boolean;
}

function judged(cell: InferenceCell | AmortizedCell): Judged {
  const amortized = "trainN" in cell;
  return {
    name: cellName(cell),
    verdict: amortized ? cell.metrics?.verdict : cell.verdict,
    findings: cell.metrics?.findings ?? [],
    failures: cell.failures.map(({ seed, sentence }) => `Seed ${seed}: ${sentence}`),
    blank: cell.metrics === undefined,
  };
}

/** In how many cells it helps and hurts, in one or two sentences. */
export function summary(input: SuiteResult): string {
  const cells = input.cells.map(judged);
  const names = (direction: Verdict["direction"]): string[] =>
    cells.filter(({ verdict }) => verdict?.direction === direction).map(({ name }) => name);
  const [up, down, unclear] = [names("up"), names("down"), names("unclear")];
  const what =
    input.kind === "inference"
      ? `Choosing the likeliest of ${input.n} responses`
      : `One sample from a model that was trained on ${input.methods ? "" : "the likeliest of N of "}its own responses`;
  const blank = cells.filter((cell) => cell.blank).length;
  const parts = [
    up.length > 0 && `clearly more often than the strongest baseline for ${list(up)}`,
    down.length > 0 && `clearly less often than the strongest baseline for ${list(down)}`,
    unclear.length > 0 && `not clearly more or less often for ${list(unclear)}`,
  ].filter((part) => part !== false);
  const said =
    parts.length > 0 ? `${what} is right ${parts.join("; ")}.` : "No cell has a result with labels.";
  const why = down.length > 0 ? " Why, as far as the data tell, stands below." : "";
  return `${said}${why}${blank > 0 ? ` ${blank} of ${cells.length} cells are blank.` : ""}`;
}

/** Each cell with its verdict, the reasons, everything that was found, and what failed. */
export function VerdictList({ result }: { readonly result: SuiteResult }): VNode {
  return (
    <>
      <p class="note">
        Choosing among N, and one sample of an adapter, against the strongest of the base’s greedy response
        and what else the base gives without sharpening, as far as it was measured. A gain or a loss is
        claimed only where it is clear of 0 among all comparisons of its cell together, on ten prompts or
        more; that there are several cells is not corrected for.
      </p>
      <dl class="claims">
        {result.cells.map(judged).map(({ name, verdict, findings, failures, blank }) => (
          <>
            <dt>{name}</dt>
            <dd>
              {verdict?.sentence ?? (blank ? "No result." : "No labels: whether it helps is unknown.")}
              <Items sentences={verdict?.reasons ?? []} />
              <Items sentences={failures} />
              {findings.length > 0 && (
                <details>
                  <summary>Everything found</summary>
                  <Items sentences={findings} />
                </details>
              )}
            </dd>
          </>
        ))}
      </dl>
    </>
  );
}

function Items({ sentences }: { readonly sentences: readonly string[] }): VNode | null {
  if (sentences.length === 0) return null;
  return (
    <ul>
      {sentences.map((sentence) => (
        <li key={sentence}>{sentence}</li>
      ))}
    </ul>
  );
}
