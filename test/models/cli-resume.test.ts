import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyRun } from "../../src/run/verify-run.js";
import { commandLine, untilLines, type CommandLine, type Running } from "../support/cli.js";
import { writeTinyModel } from "../support/tiny-model.js";

// More than one batch has rows for, so that a command which is stopped in the first one has work left.
const PROMPTS = 160;
const N = 5;
const SAMPLE = [
  ...["sample", "game24", "--model", "tiny", "--prompts", String(PROMPTS), "--n", String(N)],
  ...["--threads", "1"],
];
const FILES = ["prompts.jsonl", "greedy.jsonl", "responses.jsonl"];

let cli: CommandLine;
const bytes = (run: string, name: string): string => readFileSync(join(cli.folder, run, name), "utf8");

beforeAll(async () => {
  cli = commandLine();
  await writeTinyModel(join(cli.folder, "tiny"));
  await cli.jsonInTurn([...SAMPLE, "--run", "whole"]);
});
afterAll(() => cli.remove());

function expectTheSame(run: string): void {
  for (const file of FILES) expect(bytes(run, file), file).toBe(bytes("whole", file));
}

/**
 * Starts a command that gives itself a signal once it has written so many responses: a moment that no machine is too quick or too
 * busy for. `test/models/kill.test.ts` kills at random ones.
 */
function startUntil(responses: number, signal: NodeJS.Signals, args: readonly string[]): Running {
  const preload = join(cli.folder, `${signal}-${responses}.mjs`);
  writeFileSync(
    preload,
    `import fs from "node:fs";
     import { syncBuiltinESMExports } from "node:module";
     const { openSync, writeSync } = fs;
     const logs = new Set();
     fs.openSync = (path, ...rest) => {
       const fd = openSync(path, ...rest);
       if (String(path).endsWith("responses.jsonl")) logs.add(fd);
       return fd;
     };
     let left = ${responses};
     fs.writeSync = (fd, ...rest) => {
       const written = writeSync(fd, ...rest);
       if (logs.has(fd) && --left === 0) process.kill(process.pid, "${signal}");
       return written;
     };
     syncBuiltinESMExports();`,
  );
  return cli.start(args, { preload: pathToFileURL(preload).href });
}

/** A run's whole responses, and what comes after the last of them. */
function written(run: string): { readonly responses: number; readonly rest: string | undefined } {
  const lines = bytes(run, "responses.jsonl").split("\n");
  return { responses: lines.length - 1, rest: lines.at(-1) };
}

describe("a run that was stopped goes on to the same files", () => {
  it.each([1, 250, 700])("killed after %i responses", async (responses) => {
    const run = `killed-${responses}`;
    const running = startUntil(responses, "SIGKILL", [...SAMPLE, "--run", run]);
    expect((await running.ended).signal).toBe("SIGKILL");
    expect(written(run)).toEqual({ responses, rest: "" });
    await cli.jsonInTurn([...SAMPLE, "--run", run, "--resume"]);
    expectTheSame(run);
    expect((await verifyRun(join(cli.folder, run))).problems).toEqual([]);
  });

  it("by Ctrl-C, which ends between records with the command that continues", async () => {
    const running = startUntil(70, "SIGINT", [...SAMPLE, "--run", "stopped"]);
    const { status, stderr, stdout } = await running.ended;
    expect(status).toBe(130);
    expect(stdout).toBe("");
    const sentence = stderr.trimEnd().split("\n").at(-1) ?? "";
    expect(sentence).toMatch(
      /^whetstone: Stopped; what was finished is kept\. Continue with: npx whetstone sample /,
    );
    const { responses, rest } = written("stopped");
    expect(rest).toBe("");
    expect(responses).toBeGreaterThanOrEqual(70);
    expect(responses).toBeLessThan(PROMPTS * N);
    const words = sentence.slice(sentence.indexOf("npx whetstone ") + "npx whetstone ".length);
    expect(words).toBe(`${SAMPLE.join(" ")} --run stopped --resume`);
    expect((await cli.inTurn(words.split(" "))).status).toBe(0);
    expectTheSame("stopped");
  });

  it("by a second signal at once, which is what ends it", async () => {
    // Both wait for it where it is held: it cannot come to an end between them.
    const running = startUntil(70, "SIGSTOP", [...SAMPLE, "--run", "stopped-twice"]);
    await untilLines(join(cli.folder, "stopped-twice", "responses.jsonl"), 70, running);
    for (const signal of ["SIGINT", "SIGTERM", "SIGCONT"] as const) running.child.kill(signal);
    const { signal, stderr } = await running.ended;
    expect(["SIGINT", "SIGTERM"]).toContain(signal);
    // Not a word of threads that were taken down while they computed.
    expect(stderr.trimEnd().split("\n").at(-1)).toBe(
      "Stopping once the current record or training step is done; Ctrl-C again stops at once.",
    );
    await cli.jsonInTurn([...SAMPLE, "--run", "stopped-twice", "--resume"]);
    expectTheSame("stopped-twice");
  });

  it("while another process has the folder, it is refused", async () => {
    // Held where it is: however long the second takes to start, the first cannot end before.
    const running = startUntil(1, "SIGSTOP", [...SAMPLE, "--run", "shared"]);
    await untilLines(join(cli.folder, "shared", "responses.jsonl"), 1, running);
    const second = await cli.inTurn([...SAMPLE, "--run", "shared", "--resume"]);
    running.child.kill("SIGKILL");
    await running.ended;
    expect(second.stderr).toMatch(
      /shared is in use by process \d+; wait for it to end or choose another folder/,
    );
    expect(second.status).toBe(1);
  });

  it("finds the last run of the task when no folder is named", async () => {
    const few = ["sample", "--model", "tiny", "--prompts", "2", "--n", "2"];
    expect(await cli.json(few)).toMatchObject({ runDir: "runs/game24-1" });
    expect(await cli.jsonInTurn(few)).toMatchObject({ runDir: "runs/game24-2" });
    expect(await cli.jsonInTurn([...few, "--resume"])).toMatchObject({ runDir: "runs/game24-2" });
  });
});
