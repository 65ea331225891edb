import { closeSync, existsSync } from "node:fs";
import { openToRead, readStretch, type Stretch } from "../core/files.js";
import { readByteLines } from "../core/lines.js";
import type { Response } from "../policy/policy.js";
import { LOG_LINES, parseRecord } from "./record-log.js";
import { responseRecords } from "./records.js";
import { responseIdOf } from "./response-line.js";

/** Lines of one prompt that follow one another in a file. */
interface Span extends Stretch {
  end: number;
  /** Of the first of them, 1 for that of the file. */
  readonly line: number;
  count: number;
}

/**
 * Where each prompt's responses lie in a file: ids and places, and no response, so that a file of any size can be read prompt by
 * prompt. A file in canonical order takes one entry a prompt.
 */
export interface ResponseIndex {
  /** Responses in the file. */
  readonly records: number;
  /** Responses to a prompt. */
  countOf(promptId: string): number;
  /**
   * A prompt's responses, by index; none where there are none. The last prompt's are remembered.
   * @throws DataError naming the file and the line of a record that is malformed.
   */
  read(promptId: string): readonly Response[];
  /** Lets go of the file. */
  close(): void;
}

/**
 * Looks through a file of responses. It stays open, so that the same file is read even where another takes its name.
 * @throws DataError where it cannot be read, or a line does not tell whose response it is. A file that is not there has none.
 */
export async function indexResponses(path: string): Promise<ResponseIndex> {
  const spans = new Map<string, Span[]>();
  const file = existsSync(path) ? openToRead(path) : undefined;
  let records = 0;
  let start = 0;
  let last: { readonly promptId: string; readonly span: Span } | undefined;
  try {
    for await (const { bytes, number, end } of file === undefined ? [] : readByteLines(path, LOG_LINES)) {
      const { promptId } = responseIdOf(bytes) ?? parseRecord(path, number, bytes, responseRecords);
      if (last?.promptId === promptId) {
        last.span.end = end;
        last.span.count++;
      } else {
        const span = { start, end, line: number, count: 1 };
        const own = spans.get(promptId);
        if (own) own.push(span);
        else spans.set(promptId, [span]);
        last = { promptId, span };
      }
      start = end;
      records++;
    }
  } catch (error) {
    if (file !== undefined) closeSync(file);
    throw error;
  }
  let known: { readonly promptId: string; readonly responses: readonly Response[] } | undefined;
  return {
    records,
    countOf: (promptId) => (spans.get(promptId) ?? []).reduce((sum, { count }) => sum + count, 0),
    read: (promptId) => {
      if (known?.promptId === promptId) return known.responses;
      const own = (spans.get(promptId) ?? []).flatMap((span) => readSpan(path, file!, span));
      const responses = own.sort((a, b) => a.index - b.index);
      known = { promptId, responses };
      return responses;
    },
    close: () => {
      if (file !== undefined) closeSync(file);
    },
  };
}

function readSpan(path: string, file: number, span: Span): Response[] {
  const bytes = readStretch(path, file, span);
  const responses: Response[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = bytes.indexOf(0x0a, at);
    const line = span.line + responses.length;
    responses.push(parseRecord(path, line, bytes.subarray(at, next), responseRecords));
    at = next + 1;
  }
  return responses;
}
