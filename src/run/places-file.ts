import {
  appendFileSync,
  closeSync,
  existsSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { openToRead, sha256, type Stretch } from "../core/files.js";

/**
 * Beside a file of very many responses lies an index of it, `<file>.index`: whose response lies where, so that a file of many gigabytes is
 * opened without being read. It only grows, by blocks, each a line: a digest of the line, then a JSON object. A block says from where to where it
 * goes, and has a digest of the bytes that end there. What holds is the longest run of blocks from the start that follow one another, are whole, and
 * end as the file does at that place; the rest of the file is read. So an index that is missing, stale, cut off or damaged costs time and
 * nothing else, and what is read by it is checked against what it said.
 */

/** Of a file of fewer bytes there is no index: it is read in a second or two. */
export const LEAST_INDEXED_BYTES = 256 * 1024 * 1024;

/** Lines of one prompt that follow one another in a file. */
export interface Span extends Stretch {
  /** Of the first of them, 1 for that of the file. */
  readonly line: number;
  readonly count: number;
}

/** A block of the index. */
interface Block {
  readonly start: number;
  readonly end: number;
  /** Of its first line, 1 for that of the file. */
  readonly line: number;
  readonly lines: number;
  /** Of the last bytes before `end`. */
  readonly tail: string;
  /** Spans, one after the other, four values each: prompt, bytes, first index, count. */
  readonly spans: readonly (string | number)[];
  /** By span: the tokens of its responses, together. An index that an earlier version wrote lacks them, and is made again. */
  readonly tokens: readonly number[];
}

/** Responses to one prompt whose indices follow one another, as their lines do. */
export interface SpanContent {
  readonly promptId: string;
  /** The first one's index. */
  readonly first: number;
  readonly count: number;
  /** Of all of them together. */
  readonly tokens: number;
}

/** Where such responses lie. */
export interface PlacedSpan extends Span, SpanContent {}

/** What an index tells of a file. */
export interface KnownPlaces {
  /** In the order of the file. */
  readonly spans: () => Generator<PlacedSpan>;
  /** Where in the file it ends, and how many lines that is. */
  readonly end: number;
  readonly lines: number;
}

/** No index. */
export const NO_PLACES: KnownPlaces = {
  spans: function* () {
    // There are none.
  },
  end: 0,
  lines: 0,
};

const TAIL_BYTES = 4096;
const DIGEST = 16;
const FIELDS = 4;

/** The index that belongs to a file. */
const placesFileOf = (path: string): string => `${path}.index`;

const digestOf = (data: string | Uint8Array): string => sha256(data).slice(0, DIGEST);

/** What the index of a file tells of it: nothing where there is none. A part of the index that does not hold is cut off. */
export function knownPlaces(path: string): KnownPlaces {
  const index = placesFileOf(path);
  const blocks = existsSync(index) && existsSync(path) ? holdingBlocks(path, index) : [];
  const last = blocks.at(-1);
  return {
    spans: () => spansOf(blocks),
    end: last?.end ?? 0,
    lines: last === undefined ? 0 : last.line - 1 + last.lines,
  };
}

function holdingBlocks(path: string, index: string): Block[] {
  const bytes = readFileSync(index);
  const { size } = statSync(path);
  const file = openToRead(path);
  const blocks: Block[] = [];
  let at = 0;
  try {
    for (let next = bytes.indexOf(0x0a); next >= 0; next = bytes.indexOf(0x0a, at)) {
      const block = blockIn(bytes.toString("utf8", at, next));
      const before = blocks.at(-1);
      const follows =
        block?.start === (before?.end ?? 0) && block.line === (before ? before.line + before.lines : 1);
      if (!follows || block.end > size || block.tail !== tailOf(file, block)) break;
      blocks.push(block);
      at = next + 1;
    }
  } finally {
    closeSync(file);
  }
  if (at < bytes.length) quietly(() => truncateSync(index, at));
  return blocks;
}

/** The block of a line; undefined where it is not as it was written, or by an earlier version. */
function blockIn(line: string): Block | undefined {
  const said = line.slice(DIGEST + 1);
  if (line.slice(0, DIGEST) !== digestOf(said)) return undefined;
  const { tokens, ...rest } = JSON.parse(said) as Omit<Block, "tokens"> & Partial<Pick<Block, "tokens">>;
  return tokens && { ...rest, tokens };
}

function tailOf(file: number, { start, end }: Pick<Block, "start" | "end">): string {
  const bytes = Buffer.alloc(Math.min(TAIL_BYTES, end - start));
  const read = readSync(file, bytes, 0, bytes.length, end - bytes.length);
  return digestOf(bytes.subarray(0, read));
}

function* spansOf(blocks: readonly Block[]): Generator<PlacedSpan> {
  for (const { start, line, spans, tokens: counts } of blocks) {
    let [at, number] = [start, line];
    for (const [place, tokens] of counts.entries()) {
      const own = spans.slice(place * FIELDS, (place + 1) * FIELDS);
      const [promptId, bytes, first, count] = own as [string, number, number, number];
      yield { promptId, first, count, tokens, start: at, end: at + bytes, line: number };
      at += bytes;
      number += count;
    }
  }
}

/** Writes an index while a file grows. */
export interface PlacesWriter {
  /** The next lines of the file. @param bytes their length, their breaks included. */
  add(content: SpanContent, bytes: number): void;
  /** Writes down what was added, if that is much or all is to be. Never throws: an index that cannot be written is left out. */
  flush(all?: boolean): void;
}

/** Blocks have at least so many lines, unless all is to be written. */
const LINES = 1024;

/**
 * Goes on with the index of a file.
 * @param from where what is known of it ends. @param least of a smaller file there is no index.
 */
export function placesWriter(
  path: string,
  { end: start, lines: before }: Pick<KnownPlaces, "end" | "lines">,
  least = LEAST_INDEXED_BYTES,
): PlacesWriter {
  let block = { start, end: start, line: before + 1, lines: 0 };
  let spans: (string | number)[] = [];
  let counts: number[] = [];
  let isUsable = true;
  return {
    add: ({ promptId, first, count, tokens }, bytes) => {
      const at = spans.length - FIELDS;
      const follows =
        at >= 0 && spans[at] === promptId && (spans[at + 2] as number) + (spans[at + 3] as number) === first;
      if (follows) {
        (spans[at + 1] as number) += bytes;
        (spans[at + 3] as number) += count;
        counts[counts.length - 1]! += tokens;
      } else {
        spans.push(promptId, bytes, first, count);
        counts.push(tokens);
      }
      block.end += bytes;
      block.lines += count;
    },
    flush: (all = false) => {
      if (!isUsable || block.lines === 0 || block.end < least || !(all || block.lines >= LINES)) return;
      isUsable = quietly(() => {
        const file = openToRead(path);
        try {
          const said = JSON.stringify({
            ...block,
            tail: tailOf(file, block),
            spans,
            tokens: counts,
          } satisfies Block);
          appendFileSync(placesFileOf(path), `${digestOf(said)} ${said}\n`);
        } finally {
          closeSync(file);
        }
      });
      block = { start: block.end, end: block.end, line: block.line + block.lines, lines: 0 };
      spans = [];
      counts = [];
    },
  };
}

/** Takes the index of a file away, which is another file from now on. */
export function forgetPlaces(path: string): void {
  quietly(() => {
    rmSync(placesFileOf(path), { force: true });
  });
}

/** An index is an aid: where its folder cannot be written, or the disk is full, there is none. @returns whether it went well. */
function quietly(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
