import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { again, ask, wordsOf, type Asked } from "./ask.js";
import { Link } from "./link.js";
import { goTo } from "./place.js";
import { Progress, State } from "./standing.js";
import type { RunLine, RunList as Told } from "./told.js";

/** Milliseconds between questions. */
const EVERY_MS = 1000;

/** The runs of the folder, as they are while the page is seen; two of them can be chosen to stand side by side. */
export function RunList(): VNode {
  const { value, error } = useList();
  const [chosen, choose] = useState<readonly string[]>([]);
  const toggle = (id: string): void =>
    choose(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(-2));
  if (value === undefined) return <p class="note">{error ?? "Reading the runs …"}</p>;
  const { runs, suites, unread, folder } = value;
  const [run, beside] = chosen;
  return (
    <>
      <h1>Runs in {folder}</h1>
      {error !== undefined && <p class="trouble">{error}</p>}
      {suites.length > 0 && (
        <p>
          Suites:
          {suites.map((suite) => (
            <>
              {" "}
              <Link key={suite} to={{ suite }}>
                {suite}
              </Link>
            </>
          ))}
        </p>
      )}
      {runs.length === 0 ? (
        <p>
          There is no run here yet. <code>whetstone sharpen game24</code> makes one; it appears by itself.
        </p>
      ) : (
        <>
          <p class="choosing">
            <button
              type="button"
              disabled={run === undefined || beside === undefined}
              onClick={() => run !== undefined && beside !== undefined && goTo({ run, beside })}
            >
              Compare
            </button>{" "}
            <span class="note">
              {beside === undefined ? "Choose two runs to see them side by side." : `${run} and ${beside}`}
            </span>
          </p>
          <Runs runs={runs} chosen={chosen} toggle={toggle} />
        </>
      )}
      {unread.map(({ id, reason }) => (
        <p class="note" key={id}>
          {reason}
        </p>
      ))}
    </>
  );
}

function useList(): Asked<Told> {
  const [asked, set] = useState<Asked<Told>>({});
  useEffect(() => {
    const leave = new AbortController();
    let last = "";
    const step = async (): Promise<number> => {
      try {
        const value = await ask<Told>("list", {}, leave.signal);
        const words = JSON.stringify(value);
        if (words !== last) set({ value });
        last = words;
      } catch (error) {
        last = "";
        if (!leave.signal.aborted) set((before) => ({ ...before, error: wordsOf(error) }));
      }
      return EVERY_MS;
    };
    void again(step, leave.signal);
    return () => leave.abort();
  }, []);
  return asked;
}

function Runs({
  runs,
  chosen,
  toggle,
}: {
  readonly runs: readonly RunLine[];
  readonly chosen: readonly string[];
  readonly toggle: (id: string) => void;
}): VNode {
  return (
    <div class="scroll" role="region" aria-label="Runs" tabIndex={0}>
      <table class="runs">
        <thead>
          <tr>
            <th scope="col">
              <span class="sr">Compare</span>
            </th>
            <th scope="col">Run</th>
            <th scope="col">State</th>
            <th scope="col">Model on task</th>
            <th scope="col">N</th>
            <th scope="col">Found</th>
            <th scope="col">Made</th>
          </tr>
        </thead>
        <tbody>
          {runs.map(({ id, state, drawn, asked, model, task, n, figures, createdAt }) => (
            <tr key={id}>
              <td>
                <input
                  type="checkbox"
                  checked={chosen.includes(id)}
                  aria-label={`Compare ${id}`}
                  onChange={() => toggle(id)}
                />
              </td>
              <th scope="row">
                <Link to={{ run: id }}>{id}</Link>
              </th>
              <td>
                <State state={state} />
                {drawn !== undefined && asked !== undefined && <Progress drawn={drawn} asked={asked} />}
              </td>
              <td>
                {model} on {task}
              </td>
              <td>{n}</td>
              <td class="found">{figures.join(" · ")}</td>
              <td>{createdAt.slice(0, 16).replace("T", " ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
