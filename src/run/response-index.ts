import { closeSync, existsSync, fstatSync } from "node:fs";
import { DataError } from "../core/errors.js";
import { openToRead, readStretch } from "../core/files.js";
import type { Response } from "../policy/policy.js";
import {
  forgetPlaces,
  knownPlaces,
  LEAST_INDEXED_BYTES,
  NO_PLACES,
  placesWriter,
  type PlacedSpan,
  type Span,
} from "./places-file.js";
import { parseRecord } from "./record-lines.js";
import { responseRecords } from "./records.js";
import { scanResponses } from "./scan-responses.js";

type GrowingSpan = { -readonly [field in keyof Span]: Span[field] };

/** Where a prompt's responses lie: plain values, by which another thread of this process reads them too. */
export interface ResponsePlaces {
  readonly path: string;
  /** Its descriptor, open as long as the index. */
  readonly file: number;
  readonly promptId: string;
  readonly spans: readonly Span[];
}

/**
 * Where each prompt's responses lie in a file: ids and places, and no response, so that a file of any size can be read prompt by
 * prompt. A file in canonical order takes one entry a prompt.
 */
export interface ResponseIndex {
  /** Responses in the file. */
  readonly records: number;
  /** Tokens of all of them together. */
  readonly tokens: number;
  /** Responses to a prompt. */
  countOf(promptId: string): number;
  /**
   * A prompt's responses, by index; none where there are none. The last prompt's are remembered.
   * @throws DataError naming the file and the line of a record that is malformed.
   */
  read(promptId: string): readonly Response[];
  /** Where these lie. */
  placesOf(promptId: string): ResponsePlaces;
  /** Lets go of the file. */
  close(): void;
}

/**
 * Looks through a file of responses: through as much of it as the index beside it does not tell. It stays open, so that the same file is read even
 * where another takes its name.
 * @param least a file of more bytes has an index beside it, which is written or gone on with.
 * @throws DataError where it cannot be read, or a line does not tell whose response it is. A file that is not there has none.
 */
export async function indexResponses(path: string, least = LEAST_INDEXED_BYTES): Promise<ResponseIndex> {
  const spans = new Map<string, GrowingSpan[]>();
  const file = existsSync(path) ? openToRead(path) : undefined;
  let [records, tokens] = [0, 0];
  let last: { readonly promptId: string; readonly span: GrowingSpan } | undefined;
  const add = ({ promptId, tokens: more, start, end, line, count }: PlacedSpan): void => {
    records += count;
    tokens += more;
    if (last?.promptId === promptId) {
      last.span.end = end;
      last.span.count += count;
      return;
    }
    const span = { start, end, line, count };
    const own = spans.get(promptId);
    if (own) own.push(span);
    else spans.set(promptId, [span]);
    last = { promptId, span };
  };
  try {
    if (file !== undefined) await lookThrough(path, fstatSync(file).size > least ? least : undefined, add);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    throw error;
  }
  let known: { readonly promptId: string; readonly responses: readonly Response[] } | undefined;
  // No span is read of a file that is not there.
  const placesOf = (promptId: string): ResponsePlaces => ({
    ...{ path, promptId, file: file ?? -1 },
    spans: spans.get(promptId) ?? [],
  });
  return {
    records,
    tokens,
    placesOf,
    countOf: (promptId) => (spans.get(promptId) ?? []).reduce((sum, { count }) => sum + count, 0),
    read: (promptId) => {
      if (known?.promptId === promptId) return known.responses;
      const responses = readPlaces(placesOf(promptId));
      known = { promptId, responses };
      return responses;
    },
    close: () => {
      if (file !== undefined) closeSync(file);
    },
  };
}

/** @param least where the file is large enough for an index. */
async function lookThrough(
  path: string,
  least: number | undefined,
  add: (span: PlacedSpan) => void,
): Promise<void> {
  const known = least === undefined ? NO_PLACES : knownPlaces(path);
  for (const span of known.spans()) add(span);
  const places = least === undefined ? undefined : placesWriter(path, known, least);
  for await (const span of scanResponses(path, known)) {
    add(span);
    places?.add(span, span.end - span.start);
    places?.flush();
  }
  places?.flush(true);
}

/**
 * The responses that lie there, by index.
 * @throws DataError naming the file and the line of a record that is malformed, or another prompt's. An index of the file is taken away
 * then: it may be what is wrong, and the file counts.
 */
export function readPlaces({ path, file, promptId, spans }: ResponsePlaces): Response[] {
  try {
    return spans.flatMap((span) => readSpan(path, file, promptId, span)).sort((a, b) => a.index - b.index);
  } catch (error) {
    forgetPlaces(path);
    throw error;
  }
}

function readSpan(path: string, file: number, promptId: string, span: Span): Response[] {
  const bytes = readStretch(path, file, span);
  const responses: Response[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = bytes.indexOf(0x0a, at);
    const line = span.line + responses.length;
    const response = parseRecord(path, line, bytes.subarray(at, next), responseRecords);
    if (response.promptId !== promptId)
      throw new DataError(`Line ${line} of ${path} has changed since it was indexed; repeat the command.`);
    responses.push(response);
    at = next + 1;
  }
  return responses;
}
