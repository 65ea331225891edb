import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BadFile } from "./bad-file.js";

const testdata = join(import.meta.dirname, "../../../src/transformer/testdata/gguf");
const valid = readFileSync(join(testdata, "tiny-gqa.gguf"));
const formats = readFileSync(join(testdata, "formats.gguf"));

/** A copy with a number written over it. */
function patched(at: number, value: bigint | number, from = valid): Buffer {
  const copy = Buffer.from(from);
  if (typeof value === "bigint") copy.writeBigUInt64LE(value, at);
  else copy.writeUInt32LE(value, at);
  return copy;
}
const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: bigint): Buffer => Buffer.from(BigUint64Array.of(value).buffer);
const text = (value: string): Buffer => Buffer.concat([u64(BigInt(value.length)), Buffer.from(value)]);
const entry = (key: string, type: number, value: Buffer): Buffer =>
  Buffer.concat([text(key), u32(type), value]);
const TEXT = 8;
const LIST = 9;
const U32 = 4;
const llama = entry("general.architecture", TEXT, text("llama"));

interface Info {
  readonly name?: string;
  readonly shape?: readonly bigint[];
  readonly type?: number;
  readonly offset?: bigint;
}
const info = ({ name = "w", shape = [32n], type = 0, offset = 0n }: Info): Buffer =>
  Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)]);
/** A file of these entries and tensors, with this much data. */
function made(entries: readonly Buffer[], infos: readonly Buffer[] = [], dataBytes = 0): Buffer {
  const head = [Buffer.from("GGUF"), u32(3), u64(BigInt(infos.length)), u64(BigInt(entries.length))];
  const header = Buffer.concat([...head, ...entries, ...infos]);
  return Buffer.concat([
    header,
    Buffer.alloc(Math.ceil(header.length / 32) * 32 - header.length + dataBytes),
  ]);
}
const tensorAt = valid.indexOf("token_embd.weight") + "token_embd.weight".length;

const bad = (what: string, bytes: Buffer, message: RegExp): BadFile => ({
  what,
  opener: "model",
  make: (folder) => {
    const path = join(folder, "bad.gguf");
    writeFileSync(path, bytes);
    return path;
  },
  message,
});

/** The kinds of ggml's own tests of malformed files, and some more. */
export const ggufFiles: readonly BadFile[] = [
  bad("an empty file", Buffer.alloc(0), /truncated/),
  bad("another magic", patched(0, 0x21464747), /does not begin with "GGUF"/),
  bad("version 1", patched(4, 1), /version 1/),
  bad("a version to come", patched(4, 4), /version 4/),
  bad("a big-endian version", patched(4, 0x03000000), /version 50331648/),
  bad("2^60 tensors", patched(8, 1n << 60n), /claims 1152921504606846976 tensors/),
  bad("2^60 entries", patched(16, 1n << 60n), /claims 1152921504606846976 entries/),
  bad("a tensor too many", patched(8, valid.readBigUInt64LE(8) + 1n), /not a valid|truncated/),
  bad("an entry too many", patched(16, valid.readBigUInt64LE(16) + 1n), /not a valid|truncated/),
  bad("a header that ends after its counts", valid.subarray(0, 24), /claims|truncated|goes on/),
  bad("a header that ends in its entries", valid.subarray(0, 3000), /truncated|not a valid|goes on/),
  bad("a header that ends in its tensors", valid.subarray(0, tensorAt + 9), /truncated|not a valid|goes on/),
  bad("data cut off", valid.subarray(0, valid.length - 100), /truncated or broken/),
  bad("a key of 2^40 bytes", patched(24, 1n << 40n), /not a valid/),
  bad("a kind of value that does not exist", made([entry("a", 99, u32(0))]), /metadata type: 99/),
  bad("a text of 2^50 bytes", made([entry("a", TEXT, u64(1n << 50n))]), /String length/),
  bad("a list of 2^50", made([entry("a", LIST, Buffer.concat([u32(0), u64(1n << 50n)]))]), /array length/),
  bad(
    "a list of a kind that does not exist",
    made([entry("a", LIST, Buffer.concat([u32(77), u64(1n)]))]),
    /type: 77|not a valid/,
  ),
  bad(
    "lists nine deep",
    made([entry("a", LIST, Buffer.concat(Array<Buffer>(9).fill(Buffer.concat([u32(LIST), u64(1n)]))))]),
    /depth/,
  ),
  bad("a key twice", made([llama, llama]), /not a valid GGUF file: it has the same key twice/),
  bad("an alignment of 0", made([entry("general.alignment", U32, u32(0)), llama]), /alignment/),
  bad("an alignment of 13", made([entry("general.alignment", U32, u32(13)), llama]), /alignment/),
  bad(
    "an alignment that is a text",
    made([entry("general.alignment", TEXT, text("32")), llama]),
    /alignment/,
  ),
  bad("an alignment of 2^31", made([entry("general.alignment", U32, u32(2 ** 31)), llama]), /alignment/),
  bad("a tensor's name of 2,000 bytes", made([llama], [info({ name: "w".repeat(2000) })], 128), /name/),
  bad("a tensor's name that climbs", made([llama], [info({ name: "../../w" })], 128), /looks like a path/),
  bad("a tensor twice", made([llama], [info({}), info({ offset: 128n })], 256), /the tensor w twice/),
  bad("a million dimensions", patched(tensorAt, 1_000_000), /n_dims/),
  bad("a dimension of 0", made([llama], [info({ shape: [0n] })], 128), /impossible shape/),
  bad("a dimension of 2^63", made([llama], [info({ shape: [1n << 63n] })], 128), /exceeds|impossible/),
  bad(
    "dimensions whose product is 2^64",
    made([llama], [info({ shape: [1n << 32n, 1n << 32n] })], 128),
    /impossible|truncated|exceeds|not a valid/,
  ),
  bad("a type that does not exist", patched(tensorAt + 20, 77), /type 77, which is not read/),
  bad("a type that was taken back", made([llama], [info({ type: 4 })], 128), /type 4, which is not read/),
  bad(
    "a row that is no whole block",
    patched(formats.indexOf("Q4_K") + 8, 255n, formats),
    /not whole blocks/,
  ),
  bad("an offset behind the end", made([llama], [info({ offset: 1n << 40n })], 128), /truncated or broken/),
  bad(
    "an offset of 2^63",
    made([llama], [info({ offset: 1n << 63n })], 128),
    /truncated or broken|not a valid/,
  ),
  bad(
    "an offset between two places",
    made([llama], [info({ offset: 4n })], 256),
    /not a multiple of its alignment/,
  ),
  bad("two tensors in one place", made([llama], [info({}), info({ name: "v" })], 256), /overlaps/),
  bad("no architecture", made([]), /without an architecture/),
  bad(
    "an architecture of another family",
    made([entry("general.architecture", TEXT, text("bloom"))]),
    /"bloom" is not supported/,
  ),
  bad("no sizes", made([llama]), /missing/),
];
