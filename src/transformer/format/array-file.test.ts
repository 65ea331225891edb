import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { arrayFile, type PutArrays } from "./array-file.js";

const folder = mkdtempSync(join(tmpdir(), "whetstone-arrays-"));
afterAll(() => rmSync(folder, { recursive: true }));

const values = Float32Array.of(1, 2.5, -3);
const words = Uint16Array.of(7, 65535);
const asked = (name: string, bytes = 1000) => ({
  file: join(folder, name),
  key: "k",
  bytes,
  write: async (put: PutArrays) => {
    await put(["floats", values]);
    await put(["words", words], ["behind them", values]);
  },
});

it("holds each array at a page's boundary, and finds it again", async () => {
  const made = await arrayFile(asked("a.bin"));
  const written = readFileSync(join(folder, "a.bin"));
  expect(made.get("floats")).toEqual({ file: join(folder, "a.bin"), offset: 0, byteLength: 12, length: 3 });
  expect(made.get("words")).toMatchObject({ offset: 4096, byteLength: 4, length: 2 });
  expect(made.get("behind them")).toMatchObject({ offset: 4100, byteLength: 12, length: 3 });
  expect(new Uint16Array(written.buffer.slice(written.byteOffset + 4096, written.byteOffset + 4100))).toEqual(
    words,
  );
  expect(await arrayFile({ ...asked("a.bin"), write: () => Promise.reject(new Error("not asked")) })).toEqual(
    made,
  );
});

it("makes a truncated file anew", async () => {
  truncateSync(join(folder, "a.bin"), 4100);
  const sentences: string[] = [];
  await arrayFile({ ...asked("a.bin"), notice: (sentence) => sentences.push(sentence) });
  expect(sentences).toEqual([`${join(folder, "a.bin")} is truncated or broken; it is made anew.`]);
});

it("removes what was not used for two months when it makes another, and nothing that is no copy", async () => {
  const [old, fresh, other] = ["old.bin", "fresh.bin", "notes.txt"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const file of [old, fresh, other]) writeFileSync(file, "x");
  const long = statSync(fresh).mtimeMs / 1000 - 61 * 24 * 3600;
  utimesSync(old, long, long);
  utimesSync(other, long, long);
  await arrayFile(asked("b.bin"));
  expect([old, fresh, other].map(existsSync)).toEqual([false, true, true]);
});

it("says where there is no space, and lets nothing go in vain", async () => {
  await expect(arrayFile(asked("c.bin", 2 ** 60))).rejects.toThrow(
    /there is no space for the copy of the weights in .*, 1152921504\.6 GB: free some, or set XDG_CACHE_HOME/,
  );
  expect(existsSync(join(folder, "fresh.bin"))).toBe(true);
});
