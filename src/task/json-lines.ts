import { isSafeNumber, LosslessNumber, parse } from "lossless-json";
import type { z } from "zod";
import { DataError } from "../core/errors.js";
import { MAX_JSON_DEPTH, isTooDeep } from "../core/json-depth.js";
import { readLines } from "../core/lines.js";

/** One row of a file of prompts, as it was written. */
export interface RawRow {
  /** 1 for the first line, blank ones counted, or for the first row of a table. */
  readonly number: number;
  /** Such as `Line 7 of prompts.jsonl`: how an error about the row begins. */
  readonly where: string;
  readonly value: unknown;
}

const LONGEST_LINE_BYTES = 16 * 1024 * 1024;

/**
 * The values of a JSONL file: UTF-8, one JSON value a line, blank lines allowed; in memory bounded by the longest line.
 * @param chunks the bytes, if they are not the file's own: unpacked, or encoded anew.
 * @throws DataError naming the file and the line, for a line that is not JSON or longer than 16 MB.
 */
export async function* readJsonLines(
  path: string,
  chunks?: AsyncIterable<Uint8Array>,
): AsyncGenerator<RawRow> {
  for await (const { text, number } of readLines(path, {
    maxBytes: LONGEST_LINE_BYTES,
    ...(chunks && { chunks }),
  })) {
    const where = `Line ${number} of ${path}`;
    if (text.includes("\0")) throw new DataError(`${where} holds a NUL byte; is it a text file?`);
    if (text.trim() === "") continue;
    yield { number, where, value: parseJson(text, where) };
  }
}

/** Numbers that a float would round: `JSON.parse` must not have them. */
const LONG_NUMBER = /\d{16}|\d[eE][-+]?\d{3}/;

/**
 * A JSON text's value; numbers that a float would round are kept as they are written (`LosslessNumber`).
 * @throws DataError that begins with `where`.
 */
export function parseJson(text: string, where: string): unknown {
  if (isTooDeep(text)) {
    throw new DataError(`${where} is nested more than ${MAX_JSON_DEPTH} deep; write one JSON object a line.`);
  }
  try {
    return LONG_NUMBER.test(text) ? parse(text, undefined, numberOf) : JSON.parse(text);
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : "").replace(/[\s\p{Cc}]+/gu, " ");
    throw new DataError(`${where} is not valid JSON (${shorten(reason)}); write one JSON object a line.`, {
      cause,
    });
  }
}

function numberOf(digits: string): number | LosslessNumber {
  return isSafeNumber(digits) && Number.isFinite(Number(digits))
    ? Number(digits)
    : new LosslessNumber(digits);
}

/**
 * A row as its schema has it.
 * @param fields what it must have, for the message, such as `a "prompt" or "messages"`.
 * @throws DataError naming the row and its first wrong field.
 */
export function checkRow<T>({ value, where }: RawRow, schema: z.ZodType<T>, fields: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join(".") ?? "";
  throw new DataError(
    field === ""
      ? `${where} is not a JSON object with ${fields}.`
      : `${where} has a wrong "${field}": ${issue?.message ?? "not allowed"}.`,
  );
}

/** @throws DataError naming the row, for a text that no model can read. */
export function checkText(where: string, field: string, text: string): void {
  if (/[\0\p{Cs}]/u.test(text)) {
    throw new DataError(
      `${where} has a NUL or half of a surrogate pair in its ${field}; models cannot read either.`,
    );
  }
}

/** A text for an error message: its first 80 characters. */
export function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
