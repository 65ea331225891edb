/** The run folder against real processes: kill -9 while appending, a race for the lock, a disk that refuses. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { acquireLock } from "../../src/run/lock.js";
import type { RunConfig } from "../../src/run/config.js";
import { readRun } from "../../src/run/read-run.js";
import { responseKey } from "../../src/run/records.js";
import { openRun } from "../../src/run/run.js";
import { verifyRun } from "../../src/run/verify-run.js";

const source = fileURLToPath(new URL("../../src/", import.meta.url));
// Inside node_modules, so that the children find zod.
const root = fileURLToPath(
  new URL(`../../node_modules/.cache/whetstone-run-${process.pid}`, import.meta.url),
);

const config: RunConfig = {
  model: { name: "m", digest: "m" },
  task: { name: "t", digest: "t" },
  drawing: { n: 1, temperature: 1, maxTokens: 1 },
  seeds: { run: 0 },
};

/** Response i is a function of i alone. */
const CHILD = `
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { startRun } from "./run/run.js";
import { acquireLock } from "./run/lock.js";
import { responseKey } from "./run/records.js";
import { writeAtomically } from "./core/files.js";

const say = (word) => writeSync(1, word + "\\n");
export const response = (i) => ({ promptId: "p", index: i, text: String(i).repeat(1 + (i * 7919) % 4000), tokens: [i], logProbs: [-i / 3], finish: "stop" });
const failure = (error) => JSON.stringify({ name: error.name, message: error.message });

const [mode, dir, config] = process.argv.slice(2);
if (mode === "append") {
  // Started ahead of time: begins when it is told to.
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const run = await startRun(dir, JSON.parse(config), { resume: true, command: "", createdAt: "" });
  const log = await run.responseLog();
  try {
    for (let i = 0; i < 1e6; i++) {
      if (log.has(responseKey("p", i))) continue;
      log.append(response(i));
      say(i);
    }
  } catch (error) {
    say(failure(error));
    await writeAtomically(dir + "/big", "x".repeat(1e6)).catch((error) => say(failure(error)));
    process.exit(1);
  }
} else {
  // One round a line: race for the lock of the folder named; on an empty line let go of it.
  let lock;
  say("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "") { lock?.release(); lock = undefined; say("released"); continue; }
    try { lock = acquireLock(line); say("won"); } catch (error) { say(error.name === "RunError" ? "lost" : error.stack); }
  }
}
`;

beforeAll(() => {
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
  };
  for (const folder of ["core", "run"]) {
    mkdirSync(join(root, "dist", folder), { recursive: true });
    for (const name of readdirSync(join(source, folder))) {
      if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
      const { outputText } = ts.transpileModule(readFileSync(join(source, folder, name), "utf8"), {
        compilerOptions,
      });
      writeFileSync(join(root, "dist", folder, name.replace(/ts$/, "js")), outputText);
    }
  }
  writeFileSync(join(root, "package.json"), '{"type":"module","version":"0"}');
  writeFileSync(join(root, "dist", "child.js"), CHILD);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Child = ChildProcessByStdio<Writable, Readable, null>;

function start(args: readonly string[]): {
  readonly child: Child;
  readonly lines: Interface;
  readonly ended: Promise<unknown>;
} {
  const child = spawn(process.execPath, [join(root, "dist", "child.js"), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  return { child, lines: createInterface({ input: child.stdout }), ended };
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("kill -9 while appending", () => {
  it("loses no acknowledged response and doubles none, 5 times over", { timeout: 120_000 }, async () => {
    const dir = join(root, "killed");
    const stream = randomStream(1, "kill moments");
    const acknowledged = new Set<number>();
    let next = start(["append", dir, JSON.stringify(config)]);
    for (let round = 0; round < 5; round++) {
      const { child, lines, ended } = next;
      child.stdin.write("go");
      // The start of a process takes longer than its round: the next one starts meanwhile.
      next = start(["append", dir, JSON.stringify(config)]);
      const appending = new Promise<void>((resolve) => {
        lines.on("line", (line) => {
          if (acknowledged.has(Number(line))) expect.fail(`${line} was written again`);
          acknowledged.add(Number(line));
          resolve();
        });
      });
      await appending;
      await pause(stream.next() * 12);
      child.kill("SIGKILL");
      await ended;
    }
    next.child.kill("SIGKILL");
    await next.ended;

    const run = await openRun(dir);
    const log = await run.responseLog();
    const records = await log.records();
    for (const index of acknowledged) if (!log.has(responseKey("p", index))) expect.fail(`${index} is lost`);
    // Each round goes on where the last one ended: no gap, nothing twice, and every text whole.
    expect(records.map(({ index }) => index)).toEqual(records.map((_, i) => i));
    for (const { index, text } of records) {
      if (text !== String(index).repeat(1 + ((index * 7919) % 4000))) expect.fail(`${index} has changed`);
    }
    // At most one response a round was written but not yet acknowledged.
    expect(records.length - acknowledged.size).toBeLessThanOrEqual(5);
    expect(records.length).toBeGreaterThan(5);
    await run.close();
    const { problems } = await verifyRun(dir);
    expect(problems.every((problem) => problem.includes('of a prompt "p"'))).toBe(true);
  });

  it.skipIf(process.platform !== "linux")(
    "leaves whole records when the system takes only a part of one",
    async () => {
      const dir = join(root, "limited");
      const out: string[] = [];
      // A limit on the size of files makes the write that crosses it a short one, and fails the next.
      const script = `ulimit -f 256; exec "$0" "$@"`;
      const args = [
        "-c",
        script,
        process.execPath,
        join(root, "dist", "child.js"),
        "append",
        dir,
        JSON.stringify(config),
      ];
      const child = spawn("bash", args, { stdio: ["pipe", "pipe", "inherit"] });
      child.stdin.write("go");
      createInterface({ input: child.stdout }).on("line", (line) => out.push(line));
      const code = await new Promise((resolve) => child.on("close", resolve));
      expect(code).toBe(1);
      const [appendFailure, atomicFailure] = out
        .splice(-2)
        .map((line) => JSON.parse(line) as { name: string; message: string });
      expect(appendFailure).toEqual({
        name: "RunError",
        message: `${join(dir, "responses.jsonl")} cannot be written: the file would be larger than the system allows.`,
      });
      expect(atomicFailure!.message).toBe(
        `${join(dir, "big")} cannot be written: the file would be larger than the system allows.`,
      );
      expect(readdirSync(dir).sort()).toEqual([".lock", "manifest.json", "responses.jsonl"]);
      // The part of the record that did go in was cut off at once.
      const text = readFileSync(join(dir, "responses.jsonl"), "utf8");
      expect(text.endsWith("}\n")).toBe(true);
      expect(text.length).toBeGreaterThan(256 * 1024 - 20_000);
      expect((await readRun(dir).responses()).map(({ index }) => index)).toEqual(out.map(Number));
    },
  );
});

describe("two processes and one folder", () => {
  it("refuses the second while the first lives, and lets it in when the first is killed", async () => {
    const dir = join(root, "contended");
    const { child, lines, ended } = start(["append", dir, JSON.stringify(config)]);
    child.stdin.write("go");
    await new Promise((resolve) => lines.once("line", resolve));
    await expect(openRun(dir)).rejects.toThrow(
      `${dir} is in use by process ${child.pid}; wait for it to end`,
    );
    child.kill("SIGKILL");
    await ended;
    const run = await openRun(dir);
    expect((await run.responseLog()).size).toBeGreaterThan(0);
    await run.close();
  });

  it(
    "gives a stale lock to exactly one of three that race for it, 100 times over",
    { timeout: 120_000 },
    async () => {
      const racers = [0, 1, 2].map(() => start(["race"]));
      const inputs = racers.map(({ lines }) => lines[Symbol.asyncIterator]());
      const answers = (): Promise<unknown[]> =>
        Promise.all(inputs.map(async (lines) => (await lines.next()).value as unknown));
      const tell = (line: string): void => racers.forEach(({ child }) => void child.stdin.write(`${line}\n`));
      expect(await answers()).toEqual(["ready", "ready", "ready"]);
      for (let round = 0; round < 100; round++) {
        const dir = join(root, "race", String(round));
        mkdirSync(join(dir, ".lock"), { recursive: true });
        writeFileSync(join(dir, ".lock", "1"), JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }));
        tell(dir);
        expect((await answers()).sort()).toEqual(["lost", "lost", "won"]);
        expect(() => acquireLock(dir)).toThrow(/in use by process/);
        tell("");
        expect(await answers()).toEqual(["released", "released", "released"]);
        if (round % 10 === 0) acquireLock(dir).release();
      }
      racers.forEach(({ child }) => child.stdin.end());
      await Promise.all(racers.map(({ ended }) => ended));
    },
  );
});
