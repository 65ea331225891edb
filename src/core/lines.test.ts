import fc from "fast-check";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError } from "./errors.js";
import { readLines, type Line, type LineOptions } from "./lines.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-lines-"));
const path = join(dir, "lines.txt");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function linesOf(content: string | Uint8Array, options: Partial<LineOptions> = {}): Promise<Line[]> {
  writeFileSync(path, content);
  const result: Line[] = [];
  for await (const line of readLines(path, { maxBytes: 1000, ...options })) result.push(line);
  return result;
}

describe("readLines", () => {
  it("numbers lines and tells where they end", async () => {
    expect(await linesOf("ab\r\n\nü\nlast")).toEqual([
      { number: 1, text: "ab", end: 4, terminated: true },
      { number: 2, text: "", end: 5, terminated: true },
      { number: 3, text: "ü", end: 8, terminated: true },
      { number: 4, text: "last", end: 12, terminated: false },
    ]);
    expect(await linesOf("")).toEqual([]);
    expect((await linesOf("a\nb", { skipTornTail: true })).map(({ text }) => text)).toEqual(["a"]);
  });

  it("drops a byte-order mark at the start only", async () => {
    expect((await linesOf("\uFEFFa\n\uFEFFb\n")).map(({ text }) => text)).toEqual(["a", "\uFEFFb"]);
  });

  it("gives back whatever was joined", async () => {
    const text = fc.string({ unit: "binary" }).map((s) => s.replace(/[\r\n\uFEFF]/g, ""));
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { maxLength: 20 }),
        fc.constantFrom("\n", "\r\n"),
        async (texts, lineBreak) => {
          const lines = await linesOf(texts.map((line) => line + lineBreak).join(""));
          expect(lines.map((line) => line.text)).toEqual(texts);
        },
      ),
      { numRuns: 50, seed: 1 },
    );
  });

  it("joins lines that span pieces of the file, characters of several bytes included", async () => {
    const texts = Array.from({ length: 40 }, (_, i) => "€".repeat(1 + ((i * 7919) % 60_000)));
    const lines = await linesOf(texts.join("\n"), { maxBytes: 200_000 });
    expect(lines.map(({ text }) => text)).toEqual(texts);
    expect(lines.at(-1)!.end).toBe(Buffer.byteLength(texts.join("\n")));
  });

  it("refuses a line that is too long, by its number", async () => {
    expect(await linesOf(`ok\n${"x".repeat(1000)}\n`)).toHaveLength(2);
    await expect(linesOf(`ok\n${"x".repeat(1001)}\n`)).rejects.toThrow(DataError);
    await expect(linesOf(`ok\n${"x".repeat(1001)}`)).rejects.toThrow(
      /^Line 2 of .*lines.txt is longer than 1,000 bytes/,
    );
  });

  it("gives up on a huge line early: without reading or keeping it", async () => {
    writeFileSync(path, "");
    truncateSync(path, 2 ** 33);
    const before = process.memoryUsage().arrayBuffers;
    await expect(readLines(path, { maxBytes: 2 ** 20 }).next()).rejects.toThrow(/^Line 1 .* is longer/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
  });

  it("refuses bytes that are not UTF-8, by their line", async () => {
    await expect(linesOf(new Uint8Array([0x61, 0x0a, 0xc3, 0x28, 0x0a]))).rejects.toThrow(
      /^Line 2 .* is not valid UTF-8/,
    );
  });

  it("names a file that is not there", async () => {
    await expect(readLines(join(dir, "none"), { maxBytes: 10 }).next()).rejects.toThrow(
      /none cannot be read: there is no/,
    );
  });
});
