import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { sha256File } from "./files.js";
import { rememberedDigest } from "./remembered-digest.js";

const folder = mkdtempSync(join(tmpdir(), "whetstone-digests-"));
beforeAll(() => void vi.stubEnv("XDG_CACHE_HOME", folder));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const file = join(folder, "weights.bin");
const records = join(folder, "whetstone", "digests");

/** The digest, and whether the file was read for it. */
async function digested(what = "bytes", worth = 1): Promise<{ digest: string; read: boolean }> {
  let read = false;
  const compute = (): Promise<string> => {
    read = true;
    return sha256File(file);
  };
  return { digest: await rememberedDigest([file], what, compute, worth), read };
}

it("reads a file once, and again when its content has changed, even if size and time of change are as they were", async () => {
  writeFileSync(file, "one");
  const first = await digested();
  expect(first).toEqual({ digest: await sha256File(file), read: true });
  expect(await digested()).toEqual({ ...first, read: false });
  const { atime, mtime } = statSync(file);
  writeFileSync(file, "two");
  utimesSync(file, atime, mtime);
  expect(await digested()).toEqual({ digest: await sha256File(file), read: true });
});

it("reads it for each thing that is asked of it, and after a broken record", async () => {
  const { digest } = await digested();
  expect((await digested("something else")).read).toBe(true);
  expect(readdirSync(records)).toHaveLength(2);
  for (const name of readdirSync(records)) writeFileSync(join(records, name), '{"files": [], "digest": "0');
  expect(await digested()).toEqual({ digest, read: true });
  expect((await digested()).read).toBe(false);
});

it("does not remember small files, or what cannot be written down", async () => {
  expect((await digested("small", 4)).read).toBe(true);
  expect((await digested("small", 4)).read).toBe(true);
  vi.stubEnv("XDG_CACHE_HOME", file);
  expect((await digested()).read).toBe(true);
  expect((await digested()).read).toBe(true);
  vi.stubEnv("XDG_CACHE_HOME", folder);
});

it("leaves it to the reader to say what is missing", async () => {
  const missing = join(folder, "none");
  await expect(rememberedDigest([missing], "bytes", () => sha256File(missing))).rejects.toThrow(
    /no such file/,
  );
});
