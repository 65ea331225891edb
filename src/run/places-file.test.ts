import fc from "fast-check";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { knownPlaces } from "./places-file.js";
import { openRecordLog, type RecordLog } from "./record-log.js";
import { responseKey, responseRecords } from "./records.js";
import { indexResponses } from "./response-index.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-places-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const placesFileOf = (path: string): string => `${path}.index`;

let files = 0;
const newPath = (): string => join(dir, `responses-${files++}.jsonl`);
const response = (promptId: string, index: number): Response => ({
  ...{ promptId, index, text: `${promptId} ü ${index}`, tokens: [index], logProbs: [-0.125 - index] },
  finish: "stop",
});
const linesOf = (responses: readonly Response[]): string =>
  responses.map((one) => `${JSON.stringify(one)}\n`).join("");
/** Every file is large enough for an index. */
const open = (path: string): Promise<RecordLog<Response>> => openRecordLog(path, responseRecords, -1);
const IDS = ["a", "b", "c"];

/** What an index of a file's responses says, by prompt. */
async function readAll(path: string, least: number): Promise<Record<string, readonly Response[]>> {
  const index = await indexResponses(path, least);
  try {
    return Object.fromEntries(IDS.map((id) => [id, index.read(id)]));
  } finally {
    index.close();
  }
}

describe("the index beside a file of responses", () => {
  it("tells where each stands, and is written while the file grows", async () => {
    const path = newPath();
    const log = await open(path);
    for (const one of [response("a", 0), response("a", 1), response("b", 0), response("a", 3)])
      log.append(one);
    log.close();
    const { size } = statSync(path);
    const { spans, end, lines } = knownPlaces(path);
    expect([end, lines]).toEqual([size, 4]);
    expect([...spans()].map(({ promptId, first, count, line }) => [promptId, first, count, line])).toEqual([
      ["a", 0, 2, 1],
      ["b", 0, 1, 3],
      ["a", 3, 1, 4],
    ]);
    expect(await readAll(path, -1)).toEqual(await readAll(path, Infinity));
  });

  it("is not there beside a file that is small", async () => {
    const path = newPath();
    const log = await openRecordLog(path, responseRecords);
    log.append(response("a", 0));
    log.close();
    expect(existsSync(placesFileOf(path))).toBe(false);
  });

  it("spares reading what it tells of: a line that has changed since is found when it is read, and the file counts", async () => {
    const path = newPath();
    writeFileSync(path, linesOf([response("a", 0), response("b", 0), response("c", 0)]));
    // Its end is what the index is checked by, which here is far behind the first lines.
    appendFileSync(path, linesOf(Array.from({ length: 100 }, (_, at) => response("c", at + 1))));
    await readAll(path, -1);
    const changed = readFileSync(path, "utf8")
      .replace('"promptId":"b"', '"promptId":"a"')
      .replace('"index":0,"text":"b', '"index":7,"text":"b');
    writeFileSync(path, changed);
    await expect(readAll(path, -1)).rejects.toThrow(DataError);
    await expect(readAll(path, Infinity)).resolves.toMatchObject({ b: [] });
    expect(existsSync(placesFileOf(path))).toBe(false);
    const own = await readAll(path, -1);
    expect([own["a"]!.map(({ index }) => index), own["b"]]).toEqual([[0, 7], []]);
  });

  it("is that of the file in order once that was put in order", async () => {
    const path = newPath();
    const log = await open(path);
    for (const index of [1, 0, 2]) for (const id of ["b", "a"]) log.append(response(id, index));
    await log.arrange(
      ({ promptId, index }) => ({ promptId, index }),
      (a, b) => a.promptId.localeCompare(b.promptId) || a.index - b.index,
    );
    log.append(response("c", 0));
    log.close();
    const ordered = ["a", "b"].flatMap((id) => [0, 1, 2].map((index) => response(id, index)));
    expect(readFileSync(path, "utf8")).toBe(linesOf([...ordered, response("c", 0)]));
    expect([...knownPlaces(path).spans()].map(({ promptId, count }) => [promptId, count])).toEqual([
      ["a", 3],
      ["b", 3],
      ["c", 1],
    ]);
    expect(await readAll(path, -1)).toEqual(await readAll(path, Infinity));
  });

  it("names the lines of a record that is there twice, though it reads neither", async () => {
    const path = newPath();
    writeFileSync(path, linesOf([response("a", 0), response("b", 0), response("a", 0)]));
    (await indexResponses(path, -1)).close();
    expect(knownPlaces(path).lines).toBe(3);
    await expect(open(path)).rejects.toThrow(/Line 3 of .* repeats the record of line 1/);
  });
});

/** What may happen to a file and its index between two openings. */
type Mishap =
  | { readonly kind: "none" | "lost index" | "other file" }
  | { readonly kind: "torn file" | "torn index" | "flipped bit" | "stale index"; readonly at: number };

const mishaps = fc.oneof(
  fc.record({ kind: fc.constantFrom("none" as const, "lost index" as const, "other file" as const) }),
  fc.record({
    kind: fc.constantFrom("torn file", "torn index", "flipped bit", "stale index" as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
  }) as fc.Arbitrary<Mishap>,
);

let elsewhere = 0;

function befall(path: string, mishap: Mishap): void {
  const index = placesFileOf(path);
  const place = (file: string): number =>
    "at" in mishap ? Math.floor(mishap.at * (existsSync(file) ? statSync(file).size : 0)) : 0;
  switch (mishap.kind) {
    case "none":
      return;
    case "lost index":
      rmSync(index, { force: true });
      return;
    case "other file":
      writeFileSync(path, linesOf([response("c", 90), response("a", 91)]));
      return;
    case "torn file":
      truncateSync(path, place(path));
      return;
    case "torn index":
      if (existsSync(index)) truncateSync(index, place(index));
      return;
    case "stale index":
      // Lines of a file that has grown elsewhere since.
      appendFileSync(path, linesOf([response("b", 1_000 + elsewhere++)]));
      return;
    case "flipped bit": {
      if (!existsSync(index) || statSync(index).size === 0) return;
      const bytes = readFileSync(index);
      bytes[Math.min(bytes.length - 1, place(index))]! ^= 1;
      writeFileSync(index, bytes);
    }
  }
}

it("never says anything but what the file does, whatever has befallen either", async () => {
  const step = fc.record({
    ids: fc.array(fc.constantFrom(...IDS), { maxLength: 8 }),
    closed: fc.boolean(),
    mishap: mishaps,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
      const path = newPath();
      let next = 0;
      for (const { ids, closed, mishap } of steps) {
        const log = await open(path);
        const truth = await readAll(path, Infinity);
        for (const id of IDS) {
          const there = truth[id]!.map(({ index }) => responseKey(id, index));
          expect(there.every((key) => log.has(key))).toBe(true);
        }
        expect(log.size).toBe(Object.values(truth).flat().length);
        for (const id of ids) log.append(response(id, next++));
        if (closed) log.close();
        befall(path, mishap);
        expect(await readAll(path, -1)).toEqual(await readAll(path, Infinity));
        log.close();
      }
    }),
    { numRuns: 40, seed: 1 },
  );
});
