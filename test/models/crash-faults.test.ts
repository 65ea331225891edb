/** A disk that refuses, at each of the operations of a small run: one sentence that names the file, nothing half, and the run goes on. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunError } from "../../src/core/errors.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import { filesOf, newFolder, runJob, tinyJob, tinyTask } from "../../src/sharpen/tiny-job.test-helper.js";
import { tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import { traceFs, type Intent } from "../support/traced-fs.js";

/** `WHETSTONE_CRASH=full`: each of the first 200 operations, with each code; else some of them, the codes in turn. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
const SOME = 8;
const CODES = {
  ENOSPC: "no space is left on the disk",
  EIO: "the disk reported an error",
  EMFILE: "too many files are open",
} as const;
type Code = keyof typeof CODES;

let policy: LocalPolicy;
let job: ReturnType<typeof tinyJob>;
let whole: Record<string, string>;
/** What a whole run does to its folder. */
const intents: Intent[] = [];

beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  job = tinyJob(policy, await tinyTask(true));
  const dir = newFolder();
  const trace = traceFs(dir, (intent) => intents.push(intent));
  try {
    await runJob(dir, job);
  } finally {
    trace.stop();
  }
  whole = filesOf(dir);
});
afterAll(() => policy.dispose());

/** A file can be opened too many times; writing meets a full disk or a broken one. */
const suits = (code: Code, { kind }: Intent): boolean => code !== "EMFILE" || kind === "create";

function cases(): (readonly [Intent, Code])[] {
  const codes = Object.keys(CODES) as Code[];
  if (FULL) {
    return intents
      .slice(0, 200)
      .flatMap((intent) =>
        codes.filter((code) => suits(code, intent)).map((code) => [intent, code] as const),
      );
  }
  return Array.from({ length: SOME }, (_, i) => {
    const intent = intents[Math.floor((i * intents.length) / SOME)]!;
    const code = codes[i % codes.length]!;
    return [intent, suits(code, intent) ? code : "ENOSPC"] as const;
  });
}

it(
  "names the file that was refused, leaves none by half, and ends with the same files when it goes on",
  { timeout: 3_600_000 },
  async () => {
    expect(intents.length).toBeGreaterThan(100);
    for (const [{ number, kind, path }, code] of cases()) {
      const where = `${code} at operation ${number}, ${kind} ${path}`;
      const dir = newFolder();
      let failed = false;
      const trace = traceFs(dir, (intent) => {
        if (intent.number !== number) return;
        failed = true;
        throw Object.assign(new Error(`${code}: injected`), { code });
      });
      let error: unknown;
      try {
        await runJob(dir, job);
      } catch (caught) {
        error = caught;
      } finally {
        trace.stop();
      }
      expect(failed, where).toBe(true);
      if (error !== undefined) {
        expect(error, where).toBeInstanceOf(RunError);
        expect((error as Error).message, where).toContain(CODES[code]);
        expect((error as Error).message, where).toContain(dir);
      }
      for (const name of existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: "utf8" }) : [])
        if (/(?<!\.tmp.*)\.json$/.test(name))
          expect(() => JSON.parse(readFileSync(join(dir, name), "utf8")), where).not.toThrow();
      await runJob(dir, job);
      expect(filesOf(dir), where).toEqual(whole);
    }
  },
);
