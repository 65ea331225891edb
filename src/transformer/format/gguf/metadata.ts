import { ModelError } from "../../../core/errors.js";
import type { GgufHeader } from "./header.js";
import { TextList } from "./read-header.js";

/** The metadata of a GGUF file by key, checked for its kind; every method throws a ModelError that names file and key. */
export interface Metadata {
  readonly path: string;
  has(key: string): boolean;
  /** A finite number, a 64-bit integer below 2^53 included; undefined where the key is absent. */
  number(key: string): number | undefined;
  text(key: string): string | undefined;
  flag(key: string): boolean | undefined;
  texts(key: string): TextList | undefined;
  numbers(key: string): readonly number[] | undefined;
}

/** Reads a header's metadata by kind. */
export function metadataOf({ path, metadata }: GgufHeader): Metadata {
  const read = <T>(key: string, kind: string, as: (value: unknown) => T | undefined): T | undefined => {
    const value = metadata.get(key);
    if (value === undefined) return undefined;
    const converted = as(value);
    if (converted !== undefined) return converted;
    throw new ModelError(`${path}: its metadata has no ${kind} under ${key}; the file is malformed`);
  };
  const list = <T>(value: unknown, as: (element: unknown) => T | undefined): T[] | undefined => {
    if (!Array.isArray(value)) return undefined;
    const converted: T[] = [];
    for (const element of value) {
      const one = as(element);
      if (one === undefined) return undefined;
      converted.push(one);
    }
    return converted;
  };
  return {
    path,
    has: (key) => metadata.has(key),
    number: (key) => read(key, "number", numberOf),
    text: (key) => read(key, "text", textOf),
    flag: (key) => read(key, "true or false", (value) => (typeof value === "boolean" ? value : undefined)),
    texts: (key) => read(key, "list of texts", (value) => (value instanceof TextList ? value : undefined)),
    numbers: (key) => read(key, "list of numbers", (value) => list(value, numberOf)),
  };
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
