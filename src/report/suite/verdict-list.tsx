import type { VNode } from "preact";
import type { AmortizedCell, InferenceCell, SuiteResult, Verdict } from "../../reproduce/result.js";
import { list, methodName, unbroken } from "../format.js";
import { nameOf } from "./names.js";

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
    name: nameOf(cell),
    verdict: amortized ? cell.metrics?.verdict : cell.verdict,
    findings: cell.metrics?.findings ?? [],
    failures: cell.failures.map(({ seed, sentence }) => `Seed ${seed}: ${sentence}`),
    blank: cell.metrics === undefined,
  };
}

/**
 * What cells are called in a sentence, those of a model and task together: `a on b (SFT by majority and DPO, N = 8)`.
 */
function namesOf(cells: readonly (InferenceCell | AmortizedCell)[]): string {
  const places = new Map<string, Map<string, number[]>>();
  for (const cell of cells) {
    const place = `${cell.model} on ${cell.task}`;
    const ways = places.get(place) ?? new Map<string, number[]>();
    places.set(place, ways);
    if (!("trainN" in cell)) continue;
    const way = cell.method === undefined ? "" : methodName(cell.method);
    ways.set(way, [...(ways.get(way) ?? []), cell.trainN]);
  }
  return list(
    [...places].map(([place, ways]) => {
      const byN = new Map<string, string[]>();
      for (const [way, trainNs] of ways) {
        const n = `N\u00a0=\u00a0${list(trainNs.map(String))}`;
        byN.set(n, [...(byN.get(n) ?? []), ...(way === "" ? [] : [way])]);
      }
      const told = [...byN].map(([n, names]) => (names.length > 0 ? `${list(names)}, ${n}` : n));
      return told.length > 0 ? `${place} (${told.join("; ")})` : place;
    }),
  );
}

/** In which cells it hurts and helps, in one or two sentences; losses first. */
export function summary(input: SuiteResult): string {
  const cells = input.cells.map((cell) => ({ cell, ...judged(cell) }));
  const told = (direction: Verdict["direction"], words: string): string[] => {
    const of = cells.filter(({ verdict }) => verdict?.direction === direction).map(({ cell }) => cell);
    return of.length > 0 ? [`${words} for ${namesOf(of)}`] : [];
  };
  const what =
    input.kind === "inference"
      ? `Choosing the likeliest of ${input.n} responses`
      : `One sample from a model that was trained on ${input.methods ? "" : "the likeliest of N of "}its own responses`;
  const hurts = told("down", "clearly less often right");
  const parts = [
    ...hurts,
    ...told("up", "clearly more often right"),
    ...told("unclear", "not clearly more or less often right"),
    ...told("few", "too few prompts to say"),
    ...told("unchanged", "nothing was learned, and the base kept,"),
  ];
  const said =
    parts.length > 0
      ? `${what}, against the strongest baseline: ${parts.join("; ")}.`
      : "No cell has a result with labels.";
  const bounded = cells.some(({ verdict }) => verdict?.direction === "up" && verdict.reasons.length > 0);
  const why =
    (hurts.length > 0 ? " Why, as far as the data tell, stands below." : "") +
    (bounded ? " What the gain is worth stands below." : "");
  const blank = cells.filter((cell) => cell.blank).length;
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
              {verdict
                ? unbroken(verdict.sentence)
                : blank
                  ? "No result."
                  : "No labels: whether it helps is unknown."}
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
        <li key={sentence}>{unbroken(sentence)}</li>
      ))}
    </ul>
  );
}
