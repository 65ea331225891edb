import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { openRecordLog } from "./record-log.js";
import { responseRecords } from "./records.js";
import { indexResponses } from "./response-index.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-index-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const response = (promptId: string, index: number): Response => ({
  ...{ promptId, index, text: `${promptId} ü ${index}`, tokens: [index], logProbs: [-0.125 - index] },
  finish: "stop",
});
const linesOf = (responses: readonly Response[]): string =>
  responses.map((one) => `${JSON.stringify(one)}\n`).join("");

describe("indexResponses", () => {
  it("gives each prompt's responses by index, in whatever order the file has them", async () => {
    const path = join(dir, "mixed.jsonl");
    const mixed = [2, 0, 1].flatMap((index) => ["b", "a"].map((id) => response(id, index)));
    writeFileSync(path, linesOf([...mixed, response("a", 3)]) + '{"promptId":"a","index":4,"te');
    const index = await indexResponses(path);
    expect(index.records).toBe(7);
    expect(["a", "b", "c"].map((id) => index.countOf(id))).toEqual([4, 3, 0]);
    expect(index.read("a")).toEqual([0, 1, 2, 3].map((at) => response("a", at)));
    expect(index.read("b")).toEqual([0, 1, 2].map((at) => response("b", at)));
    expect(index.read("c")).toEqual([]);
    index.close();
  });

  it("has none of a file that is not there, and the old ones of a file that was replaced since", async () => {
    const nothing = await indexResponses(join(dir, "absent.jsonl"));
    expect([nothing.records, nothing.read("a")]).toEqual([0, []]);
    nothing.close();
    const path = join(dir, "replaced.jsonl");
    writeFileSync(path, linesOf([response("a", 0)]));
    const index = await indexResponses(path);
    writeFileSync(`${path}.new`, linesOf([response("b", 1), response("a", 5)]));
    renameSync(`${path}.new`, path);
    expect(index.read("a")).toEqual([response("a", 0)]);
    index.close();
  });

  it("names the line of a record that is malformed, when it is read", async () => {
    const path = join(dir, "malformed.jsonl");
    const bad = linesOf([response("a", 1)]).replace('"stop"', '"stopped"');
    writeFileSync(path, linesOf([response("b", 0), response("a", 0)]) + bad);
    const index = await indexResponses(path);
    expect(index.read("b")).toEqual([response("b", 0)]);
    expect(() => index.read("a")).toThrow(/^Line 3 of .*malformed\.jsonl is not a valid record \(finish/);
    index.close();
  });
});

describe("arrange", () => {
  it("puts lines in order as they stand, and leaves a file alone that is in order", async () => {
    const path = join(dir, "arranged.jsonl");
    const own = [3, 1, 2, 0].map((index) => response("a", index));
    writeFileSync(path, linesOf(own));
    const log = await openRecordLog(path, responseRecords);
    const arrange = () =>
      log.arrange(
        ({ index }) => index,
        (a, b) => a - b,
      );
    await arrange();
    expect(await log.records()).toEqual([0, 1, 2, 3].map((index) => response("a", index)));
    log.append(response("a", 9));
    log.append(response("a", 7));
    await arrange();
    expect((await log.records()).map(({ index }) => index)).toEqual([0, 1, 2, 3, 7, 9]);
    log.close();
  });
});
