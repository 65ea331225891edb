import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ModelError } from "../../../core/errors.js";
import { loadModel } from "../../model.js";
import { testdata } from "../../tiny-models.test-helper.js";
import { readGgufHeader } from "./header.js";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "whetstone-gguf-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const valid = readFileSync(join(testdata, "gguf", "tiny-gqa.gguf"));
const formats = readFileSync(join(testdata, "gguf", "formats.gguf"));

/** A copy with a number written over it. */
function patched(at: number, value: bigint | number, from = valid): Buffer {
  const copy = Buffer.from(from);
  if (typeof value === "bigint") copy.writeBigUInt64LE(value, at);
  else copy.writeUInt32LE(value, at);
  return copy;
}

/** Where a text of the header ends. */
const after = (text: string, from = valid): number => from.indexOf(text) + text.length;
/** Behind a tensor's name: 4 bytes of dimensions, 8 for each of two, 4 of type, 8 of offset. */
const tensor = after("token_embd.weight");

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: bigint): Buffer => Buffer.from(BigUint64Array.of(value).buffer);
const text = (value: string): Buffer => Buffer.concat([u64(BigInt(value.length)), Buffer.from(value)]);
/** A file of metadata alone. */
const made = (...entries: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from("GGUF"), u32(3), u64(0n), u64(BigInt(entries.length)), ...entries]);
const entry = (key: string, type: number, value: Buffer): Buffer =>
  Buffer.concat([text(key), u32(type), value]);

const bad: readonly (readonly [what: string, bytes: Buffer, message: RegExp])[] = [
  ["an empty file", Buffer.alloc(0), /truncated/],
  ["a header of ten bytes", valid.subarray(0, 10), /truncated/],
  ["another magic", patched(0, 0x21464747), /does not begin with "GGUF"/],
  ["a safetensors file", Buffer.concat([u64(2n), Buffer.from("{}"), Buffer.alloc(40)]), /does not begin/],
  ["version 1", patched(4, 1), /version 1/],
  ["version 9", patched(4, 9), /version 9/],
  ["a big-endian version", patched(4, 0x03000000), /version 50331648/],
  ["2^60 tensors", patched(8, 1n << 60n), /claims 1152921504606846976 tensors/],
  ["2^60 entries", patched(16, 1n << 60n), /claims 1152921504606846976 entries/],
  ["one tensor too many", patched(8, valid.readBigUInt64LE(8) + 1n), /not a valid|truncated/],
  ["one entry too many", patched(16, valid.readBigUInt64LE(16) + 1n), /not a valid|truncated/],
  ["a header cut in its metadata", valid.subarray(0, 3000), /truncated|not a valid|goes on/],
  ["a header cut in its tensors", valid.subarray(0, tensor + 9), /truncated|not a valid|goes on/],
  ["the last tensor cut", valid.subarray(0, valid.length - 100), /truncated or broken/],
  ["no tensor data", valid.subarray(0, after("output_norm.weight") + 100), /truncated|not a valid/],
  ["a tensor's offset behind the end", patched(tensor + 24, 1n << 40n), /truncated or broken/],
  ["an offset of 2^63", patched(tensor + 24, 1n << 63n), /truncated or broken/],
  ["a dimension of 2^32", patched(tensor + 4, 1n << 32n), /not a valid|truncated or broken/],
  ["a dimension of 2^63", patched(tensor + 4, 1n << 63n), /exceeds/],
  ["a dimension of 0", patched(tensor + 4, 0n), /impossible shape/],
  ["a million dimensions", patched(tensor, 1_000_000), /n_dims/],
  ["an unknown type", patched(tensor + 20, 77), /type 77, which is not read; supported are F32/],
  ["a type that is not read", patched(tensor + 20, 10), /type 10, which is not read/],
  ["a row that is no whole block", patched(after("Q4_K", formats) + 4, 255n, formats), /not whole blocks/],
  ["two tensors in one place", patched(after("blk.0.attn_norm.weight") + 16, 0n), /overlaps/],
  ["a name of 2^40 bytes", patched(24, 1n << 40n), /not a valid/],
  ["a value of an unknown kind", made(entry("a", 99, u32(0))), /metadata type: 99/],
  ["a text of 2^50 bytes", made(entry("a", 8, u64(1n << 50n))), /String length/],
  ["a list of 2^50", made(entry("a", 9, Buffer.concat([u32(0), u64(1n << 50n)]))), /array length/],
  [
    "lists in lists",
    made(entry("a", 9, Buffer.concat(Array(9).fill(Buffer.concat([u32(9), u64(1n)]))))),
    /depth/,
  ],
  ["no architecture", made(), /without an architecture/],
  [
    "another architecture",
    made(entry("general.architecture", 8, text("bloom"))),
    /"bloom" is not supported; .* llama/,
  ],
  [
    "an architecture of numbers",
    made(entry("general.architecture", 4, u32(1))),
    /no text under general.architecture/,
  ],
  ["no sizes", made(entry("general.architecture", 8, text("llama"))), /vocab_size is missing/],
];

it.each(bad)("refuses %s in one sentence", async (what, bytes, message) => {
  const path = join(folder, "bad.gguf");
  writeFileSync(path, bytes);
  const before = process.memoryUsage.rss();
  const error: unknown = await loadModel(path).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error, what).toBeInstanceOf(ModelError);
  expect((error as ModelError).message).toMatch(message);
  expect((error as ModelError).message).toContain(path);
  expect((error as ModelError).message).not.toContain("\n");
  expect(process.memoryUsage.rss() - before).toBeLessThan(256 << 20);
});

it("refuses weights that are not numbers", async () => {
  const path = join(folder, "nan.gguf");
  const { tensors } = await readGgufHeader(join(testdata, "gguf", "tiny-gqa.gguf"));
  writeFileSync(path, patched(tensors.get("blk.1.ffn_up.weight")!.start + 40, 0x7fc00000));
  await expect(loadModel(path)).rejects.toThrow(/mlp.up_proj.weight holds NaN at element 10/);
});

it("answers a mutated file with a header or with one sentence", async () => {
  const path = join(folder, "mutated.gguf");
  const small = formats.subarray(0, 1200);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(small.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      async (changes) => {
        const bytes = Buffer.from(formats);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(path, bytes);
        try {
          await readGgufHeader(path);
        } catch (error) {
          expect(error).toBeInstanceOf(ModelError);
        }
      },
    ),
    { seed: 4, numRuns: 60 },
  );
});
