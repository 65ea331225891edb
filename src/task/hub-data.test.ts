import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { cachedData, hubCache } from "./hub-data.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-hub-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it("looks where Python's tools do", () => {
  expect(hubCache({})).toBe(join(homedir(), ".cache", "huggingface", "hub"));
  expect(hubCache({ XDG_CACHE_HOME: "/x" })).toBe(join("/x", "huggingface", "hub"));
  expect(hubCache({ XDG_CACHE_HOME: "/x", HF_HOME: "/h" })).toBe(join("/h", "hub"));
  expect(hubCache({ HF_HOME: "/h", HF_HUB_CACHE: "/c" })).toBe("/c");
});

it("finds the revision that was fetched last", () => {
  const data = { id: "openai/gsm8k", folder: "main" };
  const root = join(dir, "datasets--openai--gsm8k");
  const refer = (revision: string): void => writeFileSync(join(root, "refs", "main"), revision);
  expect(cachedData(data, dir)).toBeUndefined();
  const revision = "0123456789abcdef0123456789abcdef01234567";
  const folder = join(root, "snapshots", revision, "main");
  mkdirSync(folder, { recursive: true });
  expect(cachedData(data, dir)).toBeUndefined();
  mkdirSync(join(root, "refs"));
  refer(`${revision}\n`);
  expect(cachedData(data, dir)).toBe(folder);
  // A revision is no path, and one that is not there has no files.
  refer("../../elsewhere");
  expect(cachedData(data, dir)).toBeUndefined();
  refer("f".repeat(40));
  expect(cachedData(data, dir)).toBeUndefined();
});
