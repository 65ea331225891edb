import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { PromptLog } from "./prompt-log.js";

const root = mkdtempSync(join(tmpdir(), "whetstone-log-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const schema = z.object({ promptId: z.string(), text: z.string() });
type Record = z.infer<typeof schema>;
const ids = ["a", 'q"\\ü', "c"];
let files = 0;

function newLog(): { log: PromptLog<Record>; path: string; follow: () => Promise<[boolean, number[]]> } {
  const path = join(root, `${files++}.jsonl`);
  const log = new PromptLog(path, { schema }, (id) => {
    const at = ids.indexOf(id);
    return at < 0 ? undefined : at;
  });
  const follow = async (): Promise<[boolean, number[]]> => {
    const told: number[] = [];
    return [await log.follow((prompt) => told.push(prompt)), told];
  };
  return { log, path, follow };
}
const line = (prompt: number, text: string): string =>
  `${JSON.stringify({ promptId: ids[prompt] ?? "stranger", text })}\n`;

describe("a log that grows", () => {
  it("is there before its file is, and tells each whole line once, wherever it was cut while it was written", async () => {
    const { log, path, follow } = newLog();
    expect(await follow()).toEqual([false, []]);
    const whole =
      line(0, "naïve ☃\nline") + line(1, "x") + line(9, "of no prompt here") + "{}\n" + line(0, "y");
    const bytes = Buffer.from(whole);
    const told: number[] = [];
    for (let cut = 0; cut < bytes.length; cut += 7) {
      appendFileSync(path, bytes.subarray(cut, cut + 7));
      const [anew, more] = await follow();
      expect(anew).toBe(false);
      told.push(...more);
    }
    expect(told).toEqual([0, 1, 0]);
    expect(log.size).toBe(3);
    expect((await log.recordsOf(0)).map(({ text }) => text)).toEqual(["naïve ☃\nline", "y"]);
    expect((await log.recordsOf(1)).map(({ text }) => text)).toEqual(["x"]);
    expect(await log.recordsOf(2)).toEqual([]);
    await log.close();
  });

  it("is read anew where another file has taken its place, and where it is shorter", async () => {
    const { log, path, follow } = newLog();
    writeFileSync(path, line(2, "c") + line(0, "a"));
    expect(await follow()).toEqual([false, [2, 0]]);
    writeFileSync(`${path}.new`, line(0, "a") + line(2, "c"));
    renameSync(`${path}.new`, path);
    expect(await follow()).toEqual([true, [0, 2]]);
    expect((await log.recordsOf(2)).map(({ text }) => text)).toEqual(["c"]);
    writeFileSync(path, line(0, "a"));
    expect(await follow()).toEqual([true, [0]]);
    rmSync(path);
    expect(await follow()).toEqual([true, []]);
    expect(await log.recordsOf(0)).toEqual([]);
  });

  it("leaves out lines that are no records, and goes on after them", async () => {
    const { log, path, follow } = newLog();
    writeFileSync(path, `{"promptId":"a","text":3}\n{"promptId":"a\nnonsense\n${line(0, "good")}`);
    expect(await follow()).toEqual([false, [0, 0]]);
    expect((await log.recordsOf(0)).map(({ text }) => text)).toEqual(["good"]);
    await log.close();
  });

  it("reads a line that is longer than what is read at once", async () => {
    const { log, path, follow } = newLog();
    const long = "x".repeat(9_000_000);
    writeFileSync(path, line(0, long) + line(1, "y"));
    expect(await follow()).toEqual([false, [0, 1]]);
    expect((await log.recordsOf(0))[0]!.text).toBe(long);
    await log.close();
  });
});
