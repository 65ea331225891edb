import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { pointIntoCharts, unfoldTargets } from "../chart/point.js";
import { useAsked } from "./ask.js";

/**
 * Figures that the server draws, by the same components as the pages that stand alone; drawn anew with each version.
 * @param path what is asked for them.
 */
export function Drawn({
  path,
  query,
  version,
  wait,
}: {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly version?: unknown;
  /** What stands there before. */
  readonly wait: string;
}): VNode {
  const { value, error } = useAsked<{ readonly markup: string }>(path, query, version);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (place.current && value) {
      pointIntoCharts(place.current);
      return unfoldTargets();
    }
    return undefined;
  }, [value]);
  if (value === undefined) return <p class={error ? "trouble" : "note"}>{error ?? wait}</p>;
  return <div ref={place} class="report" dangerouslySetInnerHTML={{ __html: value.markup }} />;
}
