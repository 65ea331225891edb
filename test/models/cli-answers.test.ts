import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
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

it("a prompt of a file that is too long is named by its line before anything is answered, and left out if asked", async () => {
  const rows = ["4 9 10 13 = 24 :", `${"1 ".repeat(90)}=`, "5 6 7 8 = 24 :"].map((prompt) => ({ prompt }));
  writeFileSync(join(cli.folder, "long.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const ask = (out: string, ...more: string[]): string[] => [
    ...["answer", "-f", "long.jsonl", "-o", out, "-n", "2", "--model", "game24", "--raw"],
    ...more,
  ];
  const refused = await cli.inTurn(ask("none.jsonl"));
  expect(refused.status).toBe(2);
  expect(refused.stderr).toMatch(
    /Line 2 of long\.jsonl: the prompt has 92 tokens, which leave no room for a response within the 64 .*--skip-long/,
  );
  expect(existsSync(join(cli.folder, "none.jsonl"))).toBe(false);
  const left = await cli.inTurn(ask("left.jsonl", "--skip-long"));
  expect(left).toMatchObject({ status: 0 });
  expect(left.stderr).toContain("Left out: 1 of 3 prompts");
  expect(recordsOf(join(cli.folder, "left.jsonl"))).toHaveLength(2);
});
