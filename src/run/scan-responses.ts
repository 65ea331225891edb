import { closeSync, fstatSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { errorCode, openToRead, type Stretch } from "../core/files.js";
import { DataError, RunError } from "../core/errors.js";
import { inThreads } from "../core/in-threads.js";
import { readByteLines, type ByteLine } from "../core/lines.js";
import { knownPlaces, type KnownPlaces, type PlacedSpan } from "./places-file.js";
import { LOG_LINES, parseRecord } from "./record-lines.js";
import { responseRecords } from "./records.js";
import { responseIdOf, tokensOfLine } from "./response-line.js";
import { scanStretch, type ScannedStretch } from "./scan-stretch.js";
import type { ScanWork } from "./scan-thread.js";

/** Bytes that are looked through at a time. */
const STRETCH = 32 * 1024 * 1024;
/** A thread takes a while to start, in which another has looked through some stretches. */
const STRETCHES_PER_THREAD = 2;

/** How a file is looked through. */
export interface ScanOptions {
  /** At most so many threads; default: as many as there are processors. */
  readonly threads?: number;
  /** Bytes that are looked through at a time. Default 32 MB; a file of fewer than four times as many this thread does alone. */
  readonly stretch?: number;
}

/**
 * Whose responses lie where in a file, behind what is known of it: read as quickly as can be, in several threads where it is large. The whole lines
 * alone; none where there is no such file.
 * @throws DataError naming the file and the line of one that does not tell whose response it is.
 */
export async function* scanResponses(
  path: string,
  known: Pick<KnownPlaces, "end" | "lines">,
  options: ScanOptions = {},
): AsyncGenerator<PlacedSpan> {
  const file = openIfThere(path);
  if (file === undefined) return;
  try {
    yield* scanFile({ path, file, longest: LOG_LINES.maxBytes }, known, options);
  } finally {
    closeSync(file);
  }
}

/** All responses of a file: as its index tells and, behind that, as `scanResponses` finds them. @throws as `scanResponses`. */
export async function* placedResponses(path: string): AsyncGenerator<PlacedSpan> {
  const known = knownPlaces(path);
  yield* known.spans();
  yield* scanResponses(path, known);
}

function openIfThere(path: string): number | undefined {
  try {
    return openToRead(path);
  } catch (error) {
    if (error instanceof DataError && errorCode(error.cause) === "ENOENT") return undefined;
    throw error;
  }
}

async function* scanFile(
  work: ScanWork,
  known: Pick<KnownPlaces, "end" | "lines">,
  { threads = availableParallelism(), stretch = STRETCH }: ScanOptions,
): AsyncGenerator<PlacedSpan> {
  const { size } = fstatSync(work.file);
  let { end: at, lines } = known;
  const stretches: Stretch[] = [];
  for (let start = at; start < size; start += stretch)
    stretches.push({ start, end: Math.min(size, start + stretch) });
  let next = 0;
  for await (const own of scanned(work, stretches, threads)) {
    const until = stretches[next++]!.end;
    const spans = own?.start === at ? placed(own, lines) : behind(work.path, { end: at, lines }, until);
    for await (const span of spans) {
      yield span;
      at = span.end;
      lines += span.count;
    }
  }
}

/** What each stretch says; undefined where its lines are to be read one by one. */
async function* scanned(
  work: ScanWork,
  stretches: readonly Stretch[],
  most: number,
): AsyncGenerator<ScannedStretch | undefined> {
  const threads = Math.min(most, Math.floor(stretches.length / STRETCHES_PER_THREAD));
  let done = 0;
  // No thread could load the sources as they are.
  if (threads > 1 && import.meta.url.endsWith(".js")) {
    const replies = inThreads<Stretch, ScannedStretch | undefined>({
      ...{ module: new URL("./scan-thread.js", import.meta.url), data: work, threads },
      ...{ pieces: stretches.length, pieceOf: (number) => stretches[number]! },
      ...{ what: "looks through a file", remedy: "repeat the command" },
    });
    try {
      for await (const reply of replies) {
        done++;
        yield reply;
      }
    } catch (error) {
      // A thread that could not start, or has ended: this one does the rest.
      if (!(error instanceof RunError)) throw error;
    }
  }
  for (const stretch of stretches.slice(done)) {
    await setImmediate();
    yield scanStretch(work.path, work.file, stretch, work.longest);
  }
}

function* placed({ start, spans }: ScannedStretch, lines: number): Generator<PlacedSpan> {
  let [at, line] = [start, lines + 1];
  for (const { bytes, ...content } of spans) {
    yield { ...content, start: at, end: at + bytes, line };
    at += bytes;
    line += content.count;
  }
}

/** Line by line, those that begin before `until`. @throws as `scanResponses`. */
async function* behind(
  path: string,
  { end, lines }: Pick<KnownPlaces, "end" | "lines">,
  until: number,
): AsyncGenerator<PlacedSpan> {
  let start = end;
  if (start >= until) return;
  for await (const line of readByteLines(path, { ...LOG_LINES, behind: { end, lines } })) {
    const { promptId, index, tokens } = contentOf(path, line);
    yield { promptId, first: index, count: 1, tokens, start, end: line.end, line: line.number };
    start = line.end;
    if (start >= until) return;
  }
}

/** Whose response a line is, and how many tokens it has. @throws as `scanResponses`. */
function contentOf(path: string, { bytes, number }: Pick<ByteLine, "bytes" | "number">) {
  const id = responseIdOf(bytes);
  const tokens = id && tokensOfLine(bytes);
  if (id !== undefined && tokens !== undefined) return { ...id, tokens };
  const { promptId, index, logProbs } = parseRecord(path, number, bytes, responseRecords);
  return { promptId, index, tokens: logProbs.length };
}
