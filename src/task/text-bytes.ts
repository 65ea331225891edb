import { Readable } from "node:stream";
import { TextDecoder } from "node:util";
import { createGunzip } from "node:zlib";
import { DataError } from "../core/errors.js";
import { readChunks } from "../core/files.js";

/** What a compressed file may unpack to; more is no file of prompts. */
const MOST_BYTES = 4 * 2 ** 30;

/**
 * A file's text as UTF-8 bytes, a piece at a time: unpacked if its bytes are gzip's, whatever its name, and from UTF-16 if a byte-order
 * mark or the zero bytes of its first character tell it.
 * @throws DataError naming the file, where it cannot be read, is damaged, or unpacks to more than 4 GiB.
 */
export async function* utf8Chunks(path: string): AsyncGenerator<Uint8Array> {
  const packed = readChunks(path);
  const first = await firstOf(packed);
  if (first === undefined) return;
  const whole = startingWith(first, packed);
  yield* isGzip(first) ? fromAnyEncoding(unpacked(whole, path), path) : fromAnyEncoding(whole, path);
}

/** The first piece, or undefined if there is none. */
export async function firstOf(pieces: AsyncGenerator<Uint8Array>): Promise<Uint8Array | undefined> {
  const next = await pieces.next();
  return next.done === true ? undefined : next.value;
}

/** Pieces with one before them that was taken off to look at. */
export async function* startingWith(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function* unpacked(bytes: AsyncGenerator<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const source = Readable.from(bytes);
  source.on("error", (error) => gunzip.destroy(error)).pipe(gunzip);
  let total = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      total += chunk.length;
      if (total > MOST_BYTES) throw new DataError(`${path} unpacks to more than 4 GiB; split it.`);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const reason = cause instanceof Error ? cause.message : "";
    throw new DataError(`${path} cannot be unpacked as gzip (${reason}); it is damaged or cut off.`, {
      cause,
    });
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function* fromAnyEncoding(bytes: AsyncGenerator<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  let decoder: TextDecoder | undefined;
  let isFirst = true;
  for await (const chunk of bytes) {
    if (isFirst) {
      const encoding = utf16(chunk);
      decoder = encoding === undefined ? undefined : new TextDecoder(encoding, { fatal: true });
      isFirst = false;
    }
    yield decoder ? reencoded(decoder, chunk, path) : chunk;
  }
  if (decoder) yield reencoded(decoder, undefined, path);
}

function utf16([a, b, c, d]: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  if ((a === 0xff && b === 0xfe) || (a !== 0 && b === 0 && c !== 0 && d === 0)) return "utf-16le";
  if ((a === 0xfe && b === 0xff) || (a === 0 && b !== 0 && c === 0 && d !== 0)) return "utf-16be";
  return undefined;
}

function reencoded(decoder: TextDecoder, chunk: Uint8Array | undefined, path: string): Uint8Array {
  try {
    return Buffer.from(decoder.decode(chunk, { stream: chunk !== undefined }), "utf8");
  } catch (cause) {
    throw new DataError(`${path} begins as UTF-16, but is not valid UTF-16; save it as UTF-8.`, { cause });
  }
}
