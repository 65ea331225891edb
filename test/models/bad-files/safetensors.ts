import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BadFile } from "./bad-file.js";

/** A file with this header and this many zero bytes of data. */
export function safetensorsBytes(
  header: string | Uint8Array,
  dataBytes: number,
  headerBytes?: bigint,
): Buffer {
  const json = Buffer.from(header);
  const bytes = Buffer.alloc(8 + json.length + dataBytes);
  bytes.writeBigUInt64LE(headerBytes ?? BigInt(json.length));
  json.copy(bytes, 8);
  return bytes;
}

/** An entry of a header. */
export const tensor = (shape: readonly number[], offsets: readonly number[], dtype = "F32"): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

const bad = (
  what: string,
  bytes: () => Uint8Array,
  message: RegExp | undefined,
  sparseTo?: number,
): BadFile => ({
  what,
  opener: "safetensors",
  make: (folder) => {
    const path = join(folder, "model.safetensors");
    writeFileSync(path, bytes());
    if (sparseTo !== undefined) truncateSync(path, sparseTo);
    return path;
  },
  message,
});
const header = (what: string, json: string, dataBytes: number, message: RegExp | undefined): BadFile =>
  bad(what, () => safetensorsBytes(json, dataBytes), message);

const one = `{"w":${tensor([2], [0, 8])}}`;
const withNaN = (): Buffer => {
  const bytes = safetensorsBytes(one, 8);
  bytes.writeFloatLE(NaN, bytes.length - 4);
  return bytes;
};
const TERABYTE = 2 ** 40;

export const safetensorsFiles: readonly BadFile[] = [
  bad("an empty file", () => Buffer.alloc(0), /truncated/),
  bad("seven bytes", () => Buffer.alloc(7), /truncated/),
  bad("a header cut off", () => safetensorsBytes(one, 0, 90n), /truncated: the header promises 98 bytes/),
  bad("data cut off", () => safetensorsBytes(one, 5), /truncated/),
  bad(
    "a header of 2^64 - 1 bytes",
    () => safetensorsBytes(one, 8, 2n ** 64n - 1n),
    /would have 18446744073709551615/,
  ),
  bad("a header of 25 MB and a byte", () => safetensorsBytes(one, 8, 25_000_001n), /would have 25000001/),
  bad("a header of no bytes", () => safetensorsBytes(one, 8, 0n), /would have 0 bytes/),
  bad(
    "a pointer of Git LFS",
    () => Buffer.from("version https://git-lfs.github.com/spec/v1\n"),
    /Git LFS pointer/,
  ),
  bad(
    "a page of HTML",
    () => Buffer.from("<!DOCTYPE html><html><body>404</body></html>"),
    /not a safetensors file/,
  ),
  bad(
    "a pickle",
    () => Buffer.concat([Buffer.from("\x80\x04\x95"), Buffer.alloc(100)]),
    /not (a|a valid) safetensors/,
  ),
  bad(
    "a zip archive",
    () => Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(100)]),
    /not (a|a valid) safetensors|truncated/,
  ),
  header("no JSON", "{nonsense}", 0, /not JSON/),
  bad("no UTF-8", () => safetensorsBytes(Uint8Array.of(0x7b, 0xff, 0x7d), 0), /not JSON/),
  header("a list", "[1]", 0, /not a JSON object/),
  header("a space in front", " {}", 0, /not a JSON object/),
  header(
    "lists 100,000 deep",
    `{"w":${"[".repeat(1e5)}${"]".repeat(1e5)}}`,
    0,
    /not JSON \(it is nested more than 1000 deep\)/,
  ),
  header(
    "a tensor twice",
    `{"w":${tensor([2], [0, 8])},"\\u0077":${tensor([2], [0, 8])}}`,
    8,
    /the key "w" twice/,
  ),
  header(
    "a shape twice",
    `{"w":{"dtype":"F32","shape":[2],"shape":[1],"data_offsets":[0,4]}}`,
    4,
    /the key "shape" twice/,
  ),
  header("a negative dimension", `{"w":${tensor([-2], [0, 8])}}`, 8, /shape\.0 is malformed/),
  header("a dimension of 1.5", `{"w":${tensor([1.5], [0, 6])}}`, 6, /shape\.0 is malformed/),
  header("offsets of 2^60", `{"w":${tensor([2], [0, 2 ** 60])}}`, 8, /data_offsets\.1 is malformed/),
  header("a shape of 2^64", `{"w":${tensor([2 ** 32, 2 ** 32], [0, 0])}}`, 0, /too large/),
  header("an unknown dtype", `{"w":${tensor([2], [0, 8], "Q4")}}`, 8, /unknown dtype/),
  header("a dtype called constructor", `{"w":${tensor([2], [0, 8], "constructor")}}`, 8, /unknown dtype/),
  header("a tensor called __proto__", `{"__proto__":${tensor([3], [0, 8])}}`, 8, /needs 12 bytes/),
  header("an end before its beginning", `{"w":${tensor([2], [8, 0])}}`, 8, /hold -8/),
  header("an overlap", `{"v":${tensor([2], [0, 8])},"w":${tensor([2], [4, 12])}}`, 12, /overlaps/),
  header(
    "nothing within something",
    `{"v":${tensor([2], [0, 8])},"w":${tensor([0], [4, 4])}}`,
    8,
    /overlaps/,
  ),
  header("a hole", `{"v":${tensor([2], [0, 8])},"w":${tensor([1], [12, 16])}}`, 16, /hole of 4 bytes/),
  header("bytes left over, for another format to live in", one, 11, /3 bytes at its end/),
  header(
    "a name that is a path, with a NUL",
    `{"../../etc/x\\u0000y":${tensor([2], [0, 8])}}`,
    8,
    /unprintable characters/,
  ),
  header("a name that climbs", `{"../../etc/x":${tensor([2], [0, 8])}}`, 8, /looks like a path/),
  header("metadata that are no texts", `{"__metadata__":{"a":1}}`, 0, /__metadata__ is not a map/),
  bad("a weight that is no number", withNaN, /holds NaN at element 1/),
  bad(
    "a tensor of a terabyte, in a file of holes",
    () => safetensorsBytes(`{"w":${tensor([2 ** 38], [0, TERABYTE])}}`, 0),
    /needs 1099511627776 bytes of memory/,
    TERABYTE + 8 + `{"w":${tensor([2 ** 38], [0, TERABYTE])}}`.length,
  ),
  {
    what: "a folder",
    opener: "safetensors",
    make: (folder) => {
      mkdirSync(join(folder, "model.safetensors"));
      return join(folder, "model.safetensors");
    },
    message: /is not a file|is a folder/,
  },
  // Python's writer makes such files; whoever reads them sees the same tensors.
  header(
    "an empty tensor where another begins",
    `{"v":${tensor([0], [0, 0])},"w":${tensor([2], [0, 8])}}`,
    8,
    undefined,
  ),
];
