import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyRun } from "../src/run/verify-run.js";
import { commandLine, untilLines, type CommandLine } from "./support/cli.js";
import { writeTinyModel } from "./support/tiny-model.js";

const PROMPTS = 256;
// Enough that a command which is stopped on the way still has most of its work to do, on a busy machine too.
const N = 20;
const SAMPLE = [
  "sample",
  "game24",
  "--model",
  "tiny",
  "--prompts",
  String(PROMPTS),
  "--n",
  String(N),
  "--threads",
  "1",
];
const FILES = ["prompts.jsonl", "greedy.jsonl", "responses.jsonl"];

let cli: CommandLine;
const bytes = (run: string, name: string): string => readFileSync(join(cli.folder, run, name), "utf8");

beforeAll(async () => {
  cli = commandLine();
  await writeTinyModel(join(cli.folder, "tiny"));
  await cli.json([...SAMPLE, "--run", "whole"]);
}, 300_000);
afterAll(() => cli.remove());

function expectTheSame(run: string): void {
  for (const file of FILES) expect(bytes(run, file), file).toBe(bytes("whole", file));
}

describe("a run that was stopped goes on to the same files", () => {
  it.each([1, 700, 1500])(
    "killed after %i responses",
    async (responses) => {
      const run = `killed-${responses}`;
      const running = cli.start([...SAMPLE, "--run", run]);
      await untilLines(join(cli.folder, run, "responses.jsonl"), responses, running);
      running.child.kill("SIGKILL");
      expect((await running.ended).signal).toBe("SIGKILL");
      expect(bytes(run, "responses.jsonl").split("\n").length).toBeLessThan(PROMPTS * N);
      await cli.json([...SAMPLE, "--run", run, "--resume"]);
      expectTheSame(run);
      expect((await verifyRun(join(cli.folder, run))).problems).toEqual([]);
    },
    120_000,
  );

  it("by Ctrl-C, which ends between records with the command that continues", async () => {
    const running = cli.start([...SAMPLE, "--run", "stopped"]);
    await untilLines(join(cli.folder, "stopped", "responses.jsonl"), 500, running);
    running.child.kill("SIGINT");
    const { status, stderr, stdout } = await running.ended;
    expect(status).toBe(130);
    expect(stdout).toBe("");
    const sentence = stderr.trimEnd().split("\n").at(-1) ?? "";
    expect(sentence).toMatch(
      /^whetstone: Stopped; what was finished is kept\. Continue with: npx whetstone sample /,
    );
    const left = bytes("stopped", "responses.jsonl");
    expect(left.endsWith("}\n")).toBe(true);
    expect(left.split("\n").length).toBeLessThan(PROMPTS * N);
    const words = sentence.slice(sentence.indexOf("npx whetstone ") + "npx whetstone ".length);
    expect(words).toBe(`${SAMPLE.join(" ")} --run stopped --resume`);
    expect((await cli.run(words.split(" "))).status).toBe(0);
    expectTheSame("stopped");
  }, 120_000);

  it("while another process has the folder, it is refused", async () => {
    const running = cli.start([...SAMPLE, "--run", "shared"]);
    await untilLines(join(cli.folder, "shared", "responses.jsonl"), 1, running);
    // Held where it is: however long the second takes to start, the first cannot end before.
    running.child.kill("SIGSTOP");
    const second = await cli.run([...SAMPLE, "--run", "shared", "--resume"]);
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
    expect(await cli.json(few)).toMatchObject({ runDir: "runs/game24-2" });
    expect(await cli.json([...few, "--resume"])).toMatchObject({ runDir: "runs/game24-2" });
  });
});
