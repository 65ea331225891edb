import { useEffect, useState } from "preact/hooks";

/** What the page shows; it stands in the address, so that a reload, a link and the browser's buttons lead there. */
export interface Place {
  /** A suite. */
  readonly suite?: string;
  /** A run; without a suite or a run it is the list. */
  readonly run?: string;
  /** A second one, beside it. */
  readonly beside?: string;
  readonly show?: "report" | "prompts";
  /** A prompt of the run, by its position. */
  readonly prompt?: number;
}

/** The place that an address's query names. */
export function placeOf(search: string): Place {
  const query = new URLSearchParams(search);
  const [run, beside, show] = ["run", "beside", "show"].map((name) => query.get(name) ?? undefined);
  const prompt = /^\d{1,9}$/.exec(query.get("prompt") ?? "")?.[0];
  const suite = query.get("suite");
  if (suite !== null) return { suite };
  if (run === undefined) return {};
  return {
    run,
    ...(beside !== undefined && { beside }),
    ...((show === "report" || show === "prompts") && { show }),
    ...(prompt !== undefined && { prompt: Number(prompt) }),
  };
}

/** The address of a place. */
export function addressOf(place: Place): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(place)) query.set(name, `${value}`);
  const words = query.toString();
  return words === "" ? "/runs" : `/runs?${words}`;
}

/** Goes to a place. */
export function goTo(place: Place): void {
  history.pushState(null, "", addressOf(place));
  dispatchEvent(new PopStateEvent("popstate"));
}

/** The place that the address names, as it changes; undefined before the page is alive. */
export function usePlace(): Place | undefined {
  const [search, set] = useState<string>();
  useEffect(() => {
    const follow = (): void => set(location.search);
    follow();
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);
  return search === undefined ? undefined : placeOf(search);
}
