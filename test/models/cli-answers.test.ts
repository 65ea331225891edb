import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { game24 } from "../../src/task/game24/game24.js";
import { commandLine, recordsOf, untilLines, type CommandLine } from "../support/cli.js";
import { compileSource } from "../support/compiled.js";

let cli: CommandLine;
const prompts = game24().prompts("test").slice(0, 24);
beforeAll(() => {
  cli = commandLine();
  writeFileSync(
    join(cli.folder, "prompts.jsonl"),
    prompts.map(({ id, text }) => JSON.stringify({ id, prompt: text })).join("\n"),
  );
}, 120_000);
afterAll(() => cli.remove());

const into = (name: string): string[] => [
  ...["answer", "--file", "prompts.jsonl", "--out", name, "-n", "20", "--threads", "1"],
];

it("a file of answers whose command was killed goes on, and ends with the bytes of one that was not", async () => {
  const whole = await cli.run(into("whole.jsonl"));
  expect([whole.status, whole.stdout]).toEqual([0, "24 answers: whole.jsonl\n"]);
  const running = cli.start(into("killed.jsonl"));
  await untilLines(join(cli.folder, "killed.jsonl"), 3, running);
  running.child.kill("SIGKILL");
  await running.ended;
  const before = recordsOf(join(cli.folder, "killed.jsonl")).length;
  expect(before).toBeLessThan(24);
  const resumed = await cli.run(into("killed.jsonl"));
  expect(resumed.stdout).toBe(`24 answers, ${before} of them by an earlier call: killed.jsonl\n`);
  const bytes = (name: string): string => readFileSync(join(cli.folder, name), "utf8");
  expect(bytes("killed.jsonl")).toBe(bytes("whole.jsonl"));
  expect(recordsOf<{ id: string }>(join(cli.folder, "whole.jsonl")).map(({ id }) => id)).toEqual(
    prompts.map(({ id }) => id),
  );
}, 120_000);

it("a prompt that is piped in is answered as one that is given", async () => {
  const main = join(compileSource(), "cli", "main.js");
  const piped = execFileSync(process.execPath, [main, "answer", "-n", "5"], {
    input: `${prompts[0]!.text}\n`,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
  });
  expect(piped).toBe((await cli.run(["answer", prompts[0]!.text, "-n", "5"])).stdout);
}, 60_000);
