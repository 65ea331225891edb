import { statSync } from "node:fs";
import { basename } from "node:path";
import { readStretches, writeAtomically } from "../core/files.js";
import { placedResponses } from "./scan-responses.js";
import { forgetPlaces, NO_PLACES, placesWriter, type PlacedSpan } from "./places-file.js";

/** Files of responses that are too large to be held in memory, settled by what their index tells of them. */

const NAMES: ReadonlySet<string> = new Set(["responses.jsonl", "greedy.jsonl"]);

/** Whether a file is one of these. @param large such files of more bytes are. */
export function isLargeLog(path: string, large: number): boolean {
  return NAMES.has(basename(path)) && (statSync(path, { throwIfNoEntry: false })?.size ?? -1) > large;
}

/** Whose responses lie where in a file. @throws as `placedResponses`. */
export async function spansOfLog(path: string): Promise<PlacedSpan[]> {
  const spans: PlacedSpan[] = [];
  for await (const span of placedResponses(path)) spans.push(span);
  return spans;
}

/** The lines that lie there, without their breaks. */
export function* linesIn(path: string, spans: Iterable<PlacedSpan>): Generator<string> {
  for (const bytes of readStretches(path, spans)) yield* bytes.toString("utf8").split("\n").slice(0, -1);
}

/** Leaves these spans of a file alone, and puts lines behind them. The file is replaced as a whole, and its index written anew. @param large as `isLargeLog`. */
export async function rewriteLog(
  path: string,
  spans: readonly PlacedSpan[],
  large: number,
  more: readonly string[] = [],
): Promise<void> {
  const pieces = function* (): Generator<Uint8Array> {
    yield* readStretches(path, spans);
    for (const line of more) yield Buffer.from(`${line}\n`, "utf8");
  };
  forgetPlaces(path);
  await writeAtomically(path, pieces());
  const places = placesWriter(path, NO_PLACES, large);
  for (const span of spans) places.add(span, span.end - span.start);
  places.flush(true);
}
