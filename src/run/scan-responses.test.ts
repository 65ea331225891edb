import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { NO_PLACES, type PlacedSpan } from "./places-file.js";
import { readRecords } from "./record-lines.js";
import { responseRecords } from "./records.js";
import { scanResponses } from "./scan-responses.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-scan-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
let files = 0;
const fileOf = (text: string): string => {
  const path = join(dir, `responses-${files++}.jsonl`);
  writeFileSync(path, text);
  return path;
};

type Said = readonly [promptId: string, index: number, tokens: number, line: number];

/** What is said of each line, and where the last ends. */
async function said(
  spans: AsyncIterable<PlacedSpan>,
): Promise<{ lines: Said[]; tokens: number; end: number }> {
  const lines: Said[] = [];
  let [tokens, end] = [0, 0];
  for await (const span of spans) {
    expect(span.start).toBe(end);
    for (let i = 0; i < span.count; i++) lines.push([span.promptId, span.first + i, 0, span.line + i]);
    tokens += span.tokens;
    end = span.end;
  }
  return { lines, tokens, end };
}

/** The same by reading every record whole. */
async function read(path: string): ReturnType<typeof said> {
  const lines: Said[] = [];
  let [tokens, last] = [0, 0];
  for await (const { record, line, end } of readRecords(path, responseRecords)) {
    lines.push([record.promptId, record.index, 0, line]);
    tokens += record.logProbs.length;
    last = end;
  }
  return { lines, tokens, end: last };
}

const response = fc
  .record({
    promptId: fc.constantFrom("a", "b", 'q",tokens":[1', "ü"),
    index: fc.nat(60),
    text: fc.oneof(fc.string({ unit: "binary" }), fc.constant('","tokens":[9,9],"logProbs":[')),
    logProbs: fc.array(fc.constantFrom(-0.5, -1e-7, 0, -12.25), { maxLength: 40 }),
    hasIds: fc.boolean(),
    isOurs: fc.boolean(),
  })
  .map(({ hasIds, isOurs, ...rest }) => {
    const tokens = hasIds ? rest.logProbs.map((_, at) => at * 1000) : [];
    const { promptId, index, text, logProbs } = rest;
    const own: Response = { promptId, index, text, tokens, logProbs, finish: "stop" };
    // Another's lines: spaces, and another order of fields.
    const other = { text, finish: "stop", tokens, logProbs, index, promptId };
    return isOurs ? JSON.stringify(own) : JSON.stringify(other, null, 1).replaceAll("\n", "");
  });

describe("scanResponses", () => {
  it("says what reading every record says, however the file is cut into stretches and torn", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(response, { maxLength: 30 }),
        fc.string({ maxLength: 30 }).map((tail) => tail.replaceAll("\n", "")),
        fc.integer({ min: 50, max: 2000 }),
        async (lines, tail, stretch) => {
          const path = fileOf(lines.map((line) => `${line}\n`).join("") + tail);
          expect(await said(scanResponses(path, NO_PLACES, { stretch }))).toEqual(await read(path));
        },
      ),
      { numRuns: 150, seed: 1 },
    );
  }, 60_000);

  it("goes on behind what is known, and has nothing of a file that is not there", async () => {
    const line = (index: number): string =>
      `${JSON.stringify({ promptId: "a", index, text: "", tokens: [1, 2], logProbs: [-1, -2], finish: "stop" })}\n`;
    const path = fileOf(line(0) + line(1) + line(2));
    const known = { end: line(0).length, lines: 1 };
    const spans: PlacedSpan[] = [];
    for await (const span of scanResponses(path, known)) spans.push(span);
    const end = 3 * line(0).length;
    expect(spans).toEqual([{ promptId: "a", first: 1, count: 2, tokens: 4, start: known.end, end, line: 2 }]);
    expect(await said(scanResponses(join(dir, "absent"), NO_PLACES))).toEqual({
      lines: [],
      tokens: 0,
      end: 0,
    });
  });

  it("names the line that does not tell whose response it is", async () => {
    const line = JSON.stringify({
      promptId: "a",
      index: 0,
      text: "",
      tokens: [],
      logProbs: [],
      finish: "stop",
    });
    const path = fileOf(`${line}\n${line}\n{"promptId":"a"}\n${line}\n`);
    for (const stretch of [10, 1000])
      await expect(said(scanResponses(path, NO_PLACES, { stretch }))).rejects.toThrow(
        /^Line 3 of .*is not a valid record \(index/,
      );
  });
});
