import { useEffect, useState } from "preact/hooks";
import { again, ask, wordsOf } from "./ask.js";
import { PromptStore } from "./prompt-store.js";
import type { RunChanges } from "./told.js";

/** Milliseconds between questions while something happens, and while nothing does. */
const BUSY_MS = 100;
const IDLE_MS = 1000;
/** After so many questions without any change nothing is expected to happen soon. */
const BUSY_FOR = 100;

/** A run that is followed. */
export interface Followed {
  readonly store: PromptStore;
  /** How it stands; absent before the first answer. */
  readonly standing?: RunChanges;
  readonly error?: string;
}

/** Follows a run while the page is seen: only what has changed is asked for. A component follows one run, by its key. */
export function useRun(run: string): Followed {
  const [store] = useState(() => new PromptStore());
  const [told, tell] = useState<Omit<Followed, "store">>({});
  useEffect(() => {
    const leave = new AbortController();
    let last: RunChanges | undefined;
    let lastWords = "";
    let quiet = 0;
    const step = async (): Promise<number> => {
      try {
        const changes = await ask<RunChanges>("changes", { run, after: last?.cursor ?? "" }, leave.signal);
        const words = JSON.stringify({ ...changes, changed: [] });
        if (words !== lastWords) {
          store.take(changes);
          tell({ standing: changes });
          quiet = 0;
        }
        [last, lastWords] = [changes, words];
      } catch (error) {
        if (leave.signal.aborted) return 0;
        lastWords = "";
        tell({ error: wordsOf(error), ...(last && { standing: last }) });
        return IDLE_MS;
      }
      return ++quiet < BUSY_FOR ? BUSY_MS : IDLE_MS;
    };
    void again(step, leave.signal);
    return () => leave.abort();
  }, [run]);
  return { store, ...told };
}
