/**
 * Malformed and hostile files, each opened as a user's would be, in processes of their own: one sentence that names the file and
 * what is wrong, no stack, within two seconds and 256 MiB beside the file.
 */
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compileSource } from "../support/compiled.js";
import type { BadFile } from "./bad-files/bad-file.js";
import { adapterFolders, weightFolders } from "./bad-files/folders.js";
import { ggufFiles } from "./bad-files/gguf.js";
import { jsonFiles } from "./bad-files/json.js";
import { jsonlFiles } from "./bad-files/jsonl.js";
import { safetensorsFiles } from "./bad-files/safetensors.js";

const root = mkdtempSync(join(tmpdir(), "whetstone-bad-files-"));
afterAll(() => rmSync(root, { recursive: true }));
const dist = compileSource();
const opener = join(import.meta.dirname, "bad-files/open.mjs");
const MEGABYTE = 1 << 20;

interface Opened {
  readonly said: string | null;
  readonly ms: number;
  readonly peakBytes: number;
}

/** What a file, or all in a folder, takes on the disk: a file of holes takes nothing, and so does a link. */
function onDisk(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return (found?.blocks ?? 0) * 512;
  return readdirSync(path).reduce((sum, name) => sum + onDisk(join(path, name)), 0);
}

const groups: readonly (readonly [string, number, readonly BadFile[]])[] = [
  ["safetensors", 30, safetensorsFiles],
  ["GGUF", 26, ggufFiles],
  ["weights of a folder", 14, weightFolders],
  ["adapters", 10, adapterFolders],
  ["tokenizers and configurations", 15, jsonFiles],
  ["JSONL", 15, jsonlFiles],
];

describe.each(groups)("%s", (name, least, files) => {
  let results: readonly Opened[] = [];
  const paths: string[] = [];

  it("are opened one after the other, in bounded memory", () => {
    expect(files.length).toBeGreaterThanOrEqual(least);
    const group = join(root, name);
    mkdirSync(group);
    for (const [i, file] of files.entries()) {
      mkdirSync(join(group, String(i)));
      paths.push(file.make(join(group, String(i))));
    }
    const jobs = files.flatMap((file, i) => [file.opener, paths[i]!]);
    const output = execFileSync(process.execPath, [opener, dist, ...jobs], {
      encoding: "utf8",
      timeout: 120_000,
      killSignal: "SIGKILL",
    });
    results = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Opened);
    expect(results).toHaveLength(files.length);
    let largest = 0;
    results.forEach(({ peakBytes }, i) => {
      largest = Math.max(largest, onDisk(paths[i]!));
      expect(peakBytes, files[i]!.what).toBeLessThan(largest + 256 * MEGABYTE);
    });
  });

  it.each(files.map((file, i) => [file.what, i] as const))("%s", (_, i) => {
    const { message, limitMs = 2000 } = files[i]!;
    const { said, ms } = results[i]!;
    expect(ms).toBeLessThan(limitMs);
    if (message === undefined) {
      expect(said).toBeNull();
      return;
    }
    expect(said).toMatch(message);
    expect(said).toContain(paths[i]);
    expect(said).not.toMatch(/\n|\bat .*:\d+:\d+|NOT OURS/);
    expect(said!.length).toBeLessThan(400 + 2 * paths[i]!.length);
  });
});
