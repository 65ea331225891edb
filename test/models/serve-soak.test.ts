import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../support/fixture.js";
import { compileSource } from "../support/compiled.js";

it("streams of which three in ten are cut at any moment leave no rows, no descriptors and no memory behind", () => {
  const args = [join(ROOT, "bench/soak.mjs"), "--dist", compileSource(), "--seconds", "60", "--warm", "40"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([status, stderr, stdout]).toEqual([0, "", expect.any(String)]);
  const { whole, cut, broken } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as Record<string, number>;
  expect(broken).toBe(0);
  expect(Math.min(whole!, cut!)).toBeGreaterThan(50);
});
