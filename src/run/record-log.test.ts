import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError, RunError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { float32Decimal } from "./float32-decimal.js";
import { openRecordLog } from "./record-log.js";
import { responseKey, responseRecords, storedResponse } from "./records.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-log-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let files = 0;
const newPath = (): string => join(dir, `log-${files++}.jsonl`);

function response(index: number, promptId = "test-901"): Response {
  return {
    promptId,
    index,
    text: `4 + ${index} = ü\n"`,
    tokens: [index, 7, 203],
    logProbs: [-0.1 - index, Math.fround(-1.7), -12.345678901234],
    finish: "stop",
  };
}

describe("float32Decimal", () => {
  it("is the shortest decimal of the float32, and stays itself", () => {
    expect(float32Decimal(Math.fround(0.1))).toBe(0.1);
    expect(float32Decimal(-12.345678901234)).toBe(-12.345679);
    expect(float32Decimal(16777216)).toBe(16777216);
    expect(float32Decimal(1 / 3)).toBe(0.33333334);
    expect(Object.is(float32Decimal(-0), 0)).toBe(true);
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (single) => {
        const decimal = float32Decimal(single);
        expect(Math.fround(decimal)).toBe(single === 0 ? 0 : single);
        expect(JSON.parse(JSON.stringify(decimal))).toBe(decimal);
        expect(float32Decimal(decimal)).toBe(decimal);
        const digits = decimal.toExponential().replace(/e.*|[-.]/g, "").length;
        expect(digits).toBeLessThanOrEqual(9);
        // No shorter decimal names the same float32 (a subnormal one has fewer bits and may do with less).
        if (digits > 1 && Math.abs(single) >= 2 ** -126)
          expect(Math.fround(Number(single.toPrecision(digits - 1)))).not.toBe(single);
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

describe("a record log", () => {
  it("gives back exactly what append returned, before and after it is opened again", async () => {
    const path = newPath();
    const log = await openRecordLog(path, responseRecords);
    const stored = [0, 1, 2].map((index) => log.append(response(index)));
    expect(stored[0]!.logProbs).toEqual([-0.1, -1.7, -12.345679]);
    expect(stored[0]).toEqual(storedResponse(response(0)));
    expect(await log.records()).toEqual(stored);
    expect([log.size, log.has(responseKey("test-901", 2)), log.has(responseKey("test-901", 3))]).toEqual([
      3,
      true,
      false,
    ]);
    log.close();
    const again = await openRecordLog(path, responseRecords);
    expect(await again.records()).toEqual(stored);
    expect(again.append(response(3)).index).toBe(3);
    again.close();
    expect(readFileSync(path, "utf8").split("\n")[0]).toBe(
      '{"promptId":"test-901","index":0,"text":"4 + 0 = ü\\n\\"","tokens":[0,7,203],"logProbs":[-0.1,-1.7,-12.345679],"finish":"stop"}',
    );
  });

  it("refuses a record twice, one that does not fit, and any after close", async () => {
    const path = newPath();
    const log = await openRecordLog(path, responseRecords);
    log.append(response(0));
    const before = readFileSync(path, "utf8");
    expect(() => log.append(response(0))).toThrow(RunError);
    expect(() => log.append({ ...response(1), logProbs: [-1, NaN, -1] })).toThrow(/logProbs\.1/);
    expect(() => log.append({ ...response(1), logProbs: [-1] })).toThrow(/differ in length/);
    expect(() => log.append({ ...response(1), certainties: [1, 2] })).toThrow(/certainties differ in length/);
    log.close();
    log.close();
    expect(() => log.append(response(1))).toThrow(/closed/);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  it("cuts a torn last line, wherever it is torn, and can be written on", async () => {
    const path = newPath();
    const log = await openRecordLog(path, responseRecords);
    const first = [0, 1].map((index) => log.append(response(index)));
    log.close();
    const whole = readFileSync(path);
    const lastLine = Buffer.from(`${JSON.stringify(storedResponse(response(2)))}\n`);
    for (let kept = 0; kept < lastLine.length; kept++) {
      writeFileSync(path, Buffer.concat([whole, lastLine.subarray(0, kept)]));
      const opened = await openRecordLog(path, responseRecords);
      expect(opened.size).toBe(2);
      expect(readFileSync(path).equals(whole)).toBe(true);
      if (kept % 10 === 0) {
        opened.append(response(2));
        expect(await opened.records()).toEqual([...first, storedResponse(response(2))]);
      }
      opened.close();
    }
    writeFileSync(path, Buffer.concat([whole, lastLine]));
    const opened = await openRecordLog(path, responseRecords);
    expect(opened.size).toBe(3);
    opened.close();
  });

  it("refuses a malformed line in the middle, a wrong field and a repetition, by line number", async () => {
    const path = newPath();
    const line = (index: number): string => JSON.stringify(storedResponse(response(index)));
    const open = async (lines: readonly string[]): Promise<unknown> => {
      writeFileSync(path, lines.map((text) => `${text}\n`).join(""));
      return openRecordLog(path, responseRecords);
    };
    await expect(open([line(0), line(1).slice(0, 40), line(2)])).rejects.toThrow(
      /^Line 2 of .* is not valid JSON/,
    );
    await expect(open([line(0), line(1), '{"promptId":"a"}'])).rejects.toThrow(/^Line 3 of .*index/);
    await expect(open([line(0), ""])).rejects.toThrow(/^Line 2 of /);
    await expect(open([line(0), line(1), line(0)])).rejects.toThrow(
      /^Line 3 of .* repeats the record of line 1/,
    );
    await expect(open([line(0), line(1), line(0)])).rejects.toThrow(DataError);
  });

  it("sorts into a canonical order, once, and appends after it", async () => {
    const path = newPath();
    const log = await openRecordLog(path, responseRecords);
    for (const index of [3, 0, 2, 1]) log.append(response(index));
    await log.sort((a, b) => a.index - b.index);
    const sorted = readFileSync(path, "utf8");
    expect((await log.records()).map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    await log.sort((a, b) => a.index - b.index);
    expect(readFileSync(path, "utf8")).toBe(sorted);
    expect(() => log.append(response(2))).toThrow(RunError);
    log.append(response(4));
    expect((await log.records()).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    log.close();
  });
});

describe("a look at the keys alone", () => {
  it("finds the same keys and the same end as reading every record, without reading what follows them", async () => {
    const path = newPath();
    const whole = [4, 0, 31, 77].map((index) => response(index, "a")).concat(response(4, 'ü"\\'));
    const lines = whole.map((one) => JSON.stringify(storedResponse(one)));
    writeFileSync(path, `${lines.join("\n")}\n${lines[0]!.slice(0, 30)}`);
    const opened = async (checkedBytes?: number) => {
      const log = await openRecordLog(path, responseRecords, checkedBytes);
      log.close();
      return log;
    };
    const looked = await opened(0);
    expect(readFileSync(path, "utf8")).toBe(`${lines.join("\n")}\n`);
    expect([looked.size, (await opened()).size]).toEqual([5, 5]);
    for (const { promptId, index } of whole) expect(looked.has(responseKey(promptId, index))).toBe(true);
    for (const index of [1, 3, 32, 45, 78]) expect(looked.has(responseKey("a", index))).toBe(false);
    expect(looked.has(responseKey("b", 4))).toBe(false);

    writeFileSync(path, `${lines.join("\n").replace('"logProbs":[', '"logProbs":[7,')}\n`);
    await expect(opened()).rejects.toThrow(/^Line 1 of .* differ in length/);
    expect((await opened(0)).size).toBe(5);
    writeFileSync(path, `${[...lines, lines[2]!].join("\n")}\n`);
    await expect(opened(0)).rejects.toThrow(/^Line 6 of .* repeats the record of line 3/);
  });
});
