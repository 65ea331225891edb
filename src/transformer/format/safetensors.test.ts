import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError, RunError } from "../../core/errors.js";
import { openSafetensors, writeSafetensors, type FloatTensor } from "./safetensors.js";

const testdata = join(import.meta.dirname, "../testdata", "safetensors");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "whetstone-safetensors-"));
});
afterAll(() => rm(folder, { recursive: true }));

type Golden = Record<string, { shape: number[]; data: number[] }>;
const golden = async (name: string): Promise<Golden> =>
  JSON.parse(await readFile(join(testdata, name), "utf8")) as Golden;

/** A file with this header text and this many zero bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes: number, headerBytes?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, headerBytes ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (shape: readonly number[], offsets: readonly number[], dtype = "F32"): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

async function openError(bytes: Uint8Array): Promise<string> {
  const path = join(folder, "malformed.safetensors");
  await writeFile(path, bytes);
  const error = await openSafetensors(path).then(
    async (file) => file.close(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelError);
  const { message } = error as ModelError;
  expect(message).toContain(path);
  return message.replace(path, "FILE");
}

describe("files written by Python's safetensors", () => {
  test("hold the values that Python read from them, in every dtype", async () => {
    const expected = await golden("dtypes.json");
    const file = await openSafetensors(join(testdata, "dtypes.safetensors"));
    for (const name of ["f32", "f16", "bf16"]) {
      const { data, shape } = await file.read(name);
      expect(shape).toEqual(expected[name]!.shape);
      expect(data).toEqual(Float32Array.from(expected[name]!.data));
    }
    expect(file.tensors.get("i64")!.shape).toEqual([2, 3]);
    await file.close();
  });

  test("refuse an integer that float32 cannot hold, and a dtype that is not a number's", async () => {
    const file = await openSafetensors(join(testdata, "dtypes.safetensors"));
    // 2^40 is exact in float32; the tensor is read whole.
    expect([...(await file.read("i64")).data]).toEqual([0, -1, 16777216, -16777216, 7, 2 ** 40]);
    await expect(file.read("bool")).rejects.toThrow(
      "tensor bool is BOOL; whetstone reads F32, F16, BF16 and I64",
    );
    await expect(file.read("absent")).rejects.toThrow("has no tensor absent");
    await file.close();
    const path = join(folder, "odd.safetensors");
    const bytes = fileOf(`{"n":${entry([1], [0, 8], "I64")}}`, 8);
    new DataView(bytes.buffer).setBigInt64(bytes.length - 8, 16777217n, true);
    await writeFile(path, bytes);
    const odd = await openSafetensors(path);
    await expect(odd.read("n")).rejects.toThrow("tensor n holds the integer 16777217");
    await odd.close();
  });

  test("are written by us byte for byte", async () => {
    const expected = await golden("float32.json");
    const tensors = new Map<string, FloatTensor>();
    for (const [name, { shape, data }] of Object.entries(expected)) {
      tensors.set(name, { shape, data: Float32Array.from(data) });
    }
    const path = join(folder, "float32.safetensors");
    await writeSafetensors(path, tensors);
    expect(await readFile(path)).toEqual(await readFile(join(testdata, "float32.safetensors")));
  });

  test("are refused where a weight is not finite, unless asked for", async () => {
    const file = await openSafetensors(join(testdata, "nonfinite.safetensors"));
    await expect(file.read("nan")).rejects.toThrow("tensor nan holds NaN at element 1");
    await expect(file.read("inf")).rejects.toThrow("tensor inf holds -Infinity at element 0");
    const { data } = await file.read("nan", { requireFinite: false });
    expect([...data]).toEqual([1, NaN]);
    await file.close();
  });
});

describe("malformed files are refused, each by what is wrong", () => {
  const oneTensor = `{"w":${entry([2], [0, 8])}}`;
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    [
      "empty",
      new Uint8Array(0),
      "FILE is truncated: the header promises 8 bytes, the file has 0; download it again",
    ],
    ["seven bytes", new Uint8Array(7), "FILE is truncated: the header promises 8 bytes, the file has 7"],
    [
      "header cut",
      fileOf(oneTensor, 0, 90n),
      "FILE is truncated: the header promises 98 bytes, the file has 62",
    ],
    ["data cut", fileOf(oneTensor, 5), "FILE is truncated: the header promises 70 bytes, the file has 67"],
    ["header too large", fileOf(oneTensor, 8, 25_000_001n), "its header would have 25000001 bytes"],
    [
      "header of 2^64 − 1 bytes",
      fileOf(oneTensor, 8, 2n ** 64n - 1n),
      "would have 18446744073709551615 bytes",
    ],
    ["header of 0 bytes", fileOf(oneTensor, 8, 0n), "its header would have 0 bytes"],
    ["Git LFS pointer", Buffer.from("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"],
    ["not JSON", fileOf("{nonsense}", 0), "its header is not JSON"],
    ["not UTF-8", fileOf(new Uint8Array([0x7b, 0xff, 0x7d]), 0), "its header is not JSON"],
    ["an array", fileOf("[1]", 0), "its header is not a JSON object"],
    ["null", fileOf("null", 0), "its header is not a JSON object"],
    ["space before", fileOf(" {}", 0), "its header is not a JSON object"],
    [
      "deep nesting",
      fileOf(`{"w":${"[".repeat(1e5)}${"]".repeat(1e5)}}`, 0),
      "its header is not JSON (it is nested more than 1000 deep)",
    ],
    [
      "duplicate tensor",
      fileOf(`{"w":${entry([2], [0, 8])},"\\u0077":${entry([2], [0, 8])}}`, 8),
      'its header has the key "w" twice',
    ],
    [
      "duplicate field",
      fileOf(`{"w":{"dtype":"F32","shape":[2],"shape":[1],"data_offsets":[0,4]}}`, 4),
      'its header has the key "shape" twice',
    ],
    ["field missing", fileOf(`{"w":{"dtype":"F32","shape":[2]}}`, 8), "tensor w: data_offsets is malformed"],
    [
      "field too many",
      fileOf(`{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}`, 4),
      "tensor w: its entry",
    ],
    ["negative dimension", fileOf(`{"w":${entry([-2], [0, 8])}}`, 8), "tensor w: shape.0 is malformed"],
    ["fractional dimension", fileOf(`{"w":${entry([1.5], [0, 6])}}`, 6), "tensor w: shape.0 is malformed"],
    ["negative offset", fileOf(`{"w":${entry([2], [-8, 0])}}`, 8), "tensor w: data_offsets.0 is malformed"],
    [
      "offsets beyond 2^53",
      fileOf(`{"w":${entry([2], [0, 2 ** 60])}}`, 8),
      "tensor w: data_offsets.1 is malformed",
    ],
    ["unknown dtype", fileOf(`{"w":${entry([2], [0, 8], "Q4")}}`, 8), 'tensor w has the unknown dtype "Q4"'],
    [
      "dtype of a prototype",
      fileOf(`{"w":${entry([2], [0, 8], "constructor")}}`, 8),
      "has the unknown dtype",
    ],
    [
      "shape overflow",
      fileOf(`{"w":${entry([2 ** 32, 2 ** 32], [0, 0])}}`, 0),
      "[4294967296, 4294967296] is too large",
    ],
    ["bytes overflow", fileOf(`{"w":${entry([2 ** 52], [0, 0])}}`, 0), "[4503599627370496] is too large"],
    [
      "length of another shape",
      fileOf(`{"w":${entry([3], [0, 8])}}`, 8),
      "F32 [3] needs 12 bytes, its offsets 0 to 8 hold 8",
    ],
    ["end before begin", fileOf(`{"w":${entry([2], [8, 0])}}`, 8), "its offsets 8 to 0 hold -8"],
    [
      "overlap",
      fileOf(`{"v":${entry([2], [0, 8])},"w":${entry([2], [4, 12])}}`, 12),
      "tensor w overlaps the one before it",
    ],
    [
      "hole",
      fileOf(`{"v":${entry([2], [0, 8])},"w":${entry([1], [12, 16])}}`, 16),
      "a hole of 4 bytes before w",
    ],
    ["hole at the start", fileOf(`{"w":${entry([1], [4, 8])}}`, 8), "a hole of 4 bytes before w"],
    ["bytes left over", fileOf(oneTensor, 11), "3 bytes at its end belong to no tensor"],
    ["name with NUL", fileOf(`{"a\\u0000":${entry([2], [0, 8])}}`, 8), "has unprintable characters"],
    [
      "name with a lone surrogate",
      fileOf(`{"a\\ud800":${entry([2], [0, 8])}}`, 8),
      "has unprintable characters",
    ],
    ["name as a path", fileOf(`{"../w":${entry([2], [0, 8])}}`, 8), "looks like a path"],
    ["empty name", fileOf(`{"":${entry([2], [0, 8])}}`, 8), "is empty"],
    [
      "long name",
      fileOf(`{"${"w".repeat(1025)}":${entry([2], [0, 8])}}`, 8),
      "is longer than 1024 characters",
    ],
    ["metadata not strings", fileOf(`{"__metadata__":{"a":1}}`, 0), "__metadata__ is not a map"],
  ];
  test.each(cases)("%s", async (_, bytes, message) => {
    expect(await openError(bytes)).toContain(message);
  });

  test("and so are a missing file and a folder", async () => {
    await expect(openSafetensors(join(folder, "absent"))).rejects.toThrow("absent: there is no such file");
    await expect(openSafetensors(folder)).rejects.toBeInstanceOf(ModelError);
  });

  test("whatever single byte of a header is changed, it opens or is refused as a ModelError", async () => {
    const good = await readFile(join(testdata, "float32.safetensors"));
    const headerEnd = 8 + Number(good.readBigUInt64LE(0));
    const path = join(folder, "changed.safetensors");
    await fc.assert(
      fc.asyncProperty(
        fc.nat(headerEnd - 1),
        fc.integer({ min: 1, max: 255 }),
        async (position, difference) => {
          const bytes = Buffer.from(good);
          bytes[position]! ^= difference;
          await writeFile(path, bytes);
          try {
            const file = await openSafetensors(path);
            let total = 0;
            for (const tensor of file.tensors.values()) total += tensor.bytes;
            await file.close();
            expect(total).toBe(good.length - headerEnd);
          } catch (error) {
            expect(error).toBeInstanceOf(ModelError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("writing", () => {
  const tensor = fc
    .tuple(
      fc.array(fc.nat(4), { maxLength: 3 }),
      fc.infiniteStream(fc.float({ noNaN: true, noDefaultInfinity: true })),
    )
    .map(([shape, values]): FloatTensor => {
      const count = shape.reduce((product, dimension) => product * dimension, 1);
      return { shape, data: Float32Array.from({ length: count }, () => values.next().value) };
    });
  const name = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
    .filter((text) => /^[\p{L}\p{N}.]+$/u.test(text) && !text.includes(".."));

  test("gives back what was written: names, shapes, values, metadata", async () => {
    const path = join(folder, "round-trip.safetensors");
    const metadata = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string());
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(name, tensor), { maxLength: 6 }),
        metadata,
        async (list, strings) => {
          const tensors = new Map(list);
          await writeSafetensors(path, tensors, strings);
          const file = await openSafetensors(path);
          expect(new Set(file.tensors.keys())).toEqual(new Set(tensors.keys()));
          expect(Object.fromEntries(file.metadata)).toEqual({ ...strings });
          for (const [key, { shape, data }] of tensors) expect(await file.read(key)).toEqual({ shape, data });
          await file.close();
        },
      ),
      { numRuns: 50 },
    );
  });

  test("does not depend on the order of the tensors, and leaves no temporary file", async () => {
    const a: FloatTensor = { shape: [2], data: Float32Array.of(1, 2) };
    const b: FloatTensor = { shape: [], data: Float32Array.of(3) };
    const own = await mkdtemp(join(folder, "order-"));
    await writeSafetensors(
      join(own, "ab"),
      new Map([
        ["a", a],
        ["b", b],
      ]),
    );
    await writeSafetensors(
      join(own, "ba"),
      new Map([
        ["b", b],
        ["a", a],
      ]),
    );
    expect(await readFile(join(own, "ab"))).toEqual(await readFile(join(own, "ba")));
    expect((await readdir(own)).sort()).toEqual(["ab", "ba"]);
  });

  test("refuses a shape that does not fit, a name that is not one, and a folder that is not there", async () => {
    const write = (key: string, shape: readonly number[]) =>
      writeSafetensors(join(folder, "refused"), new Map([[key, { shape, data: new Float32Array(6) }]]));
    await expect(write("w", [2, 2])).rejects.toThrow("tensor w: the shape [2, 2] does not hold 6 values");
    await expect(write("__metadata__", [6])).rejects.toThrow("is reserved");
    await expect(write("a/../b", [6])).rejects.toThrow("looks like a path");
    const nowhere = writeSafetensors(join(folder, "no", "w"), new Map());
    await expect(nowhere).rejects.toBeInstanceOf(RunError);
  });
});
