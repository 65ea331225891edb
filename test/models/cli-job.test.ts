/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-call -- the JSON of a command: what matters of it is asserted by value */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { game24 } from "../../src/task/game24/game24.js";
import { commandLine, type CommandLine } from "../support/cli.js";
import {
  MORE_TRAINING,
  ONE_THREAD,
  SMALL_DRAW,
  SMALL_N,
  SMALL_TRAINING,
  smallJob,
} from "../support/small-job.js";

const task = game24();

let cli: CommandLine;
let result: Record<string, any>;

beforeAll(async () => {
  cli = commandLine();
  result = await smallJob(cli);
}, 300_000);
afterAll(() => cli.remove());

const inRun = (run: string, name: string): string => join(cli.folder, run, name);
const bytes = (run: string, name: string): string => readFileSync(inRun(run, name), "latin1");

describe("a job and its parts", () => {
  it("records a command line that makes the same run again", async () => {
    const manifest = JSON.parse(bytes("whole", "manifest.json"));
    const [npx, program, ...words] = manifest.command.split(" ");
    expect([npx, program]).toEqual(["npx", "whetstone"]);
    const { stdout, stderr, status } = await cli.inTurn([...words, ...ONE_THREAD, "--run", "again"]);
    expect(status).toBe(0);
    for (const file of [
      "prompts.jsonl",
      "greedy.jsonl",
      "responses.jsonl",
      "selections.jsonl",
      "chosen.jsonl",
    ])
      expect(bytes("again", file)).toBe(bytes("whole", file));
    expect(bytes("again", "adapters/sft/adapter_model.safetensors")).toBe(
      bytes("whole", "adapters/sft/adapter_model.safetensors"),
    );
    // For people: the table and the report's path on stdout, progress on stderr.
    expect(stdout).toMatch(/one sample, temperature 1 .*\n/);
    expect(stdout).toMatch(/Best-of-N, accuracy, by self-reward; coverage is the ceiling/);
    expect(stdout).toMatch(/Report: {2}again\/report\.html\n$/);
    expect(stderr).toMatch(/^sampling: 100 %, 120 of 120/m);
    expect(manifest).toMatchObject({
      seeds: { run: 3 },
      model: { name: "game24" },
      task: { digest: task.digest },
    });
  }, 120_000);

  it("sample and train sft give the adapter and the figures of sharpen", async () => {
    const sampled = await cli.jsonInTurn(["sample", "game24", ...SMALL_DRAW, "--run", "parts"]);
    expect(sampled).toMatchObject({ runDir: "parts", prompts: 12, n: SMALL_N, responses: 12 * SMALL_N });
    expect(bytes("parts", "responses.jsonl")).toBe(bytes("whole", "responses.jsonl"));
    const trained: Record<string, any> = await cli.jsonInTurn([
      "train",
      "sft",
      "parts",
      ...SMALL_TRAINING,
      ...MORE_TRAINING,
      ...ONE_THREAD,
    ]);
    expect(bytes("parts", "adapters/sft/adapter_model.safetensors")).toBe(
      bytes("whole", "adapters/sft/adapter_model.safetensors"),
    );
    expect(trained.sft).toEqual(result.sft);
    expect(trained.bestOfN).toEqual(result.bestOfN);
    const other = await cli.inTurn(["train", "sft", "parts", "--epochs", "5", ...ONE_THREAD]);
    expect(other.status).toBe(1);
    expect(other.stderr).toMatch(/parts\/adapters\/sft was trained with epochs = 2, but now it is 5/);
  }, 120_000);

  it("sharpen by SFT and XPO, then train dpo: the same fields for each, beside its own, and its model calls", async () => {
    // Few prompts of each split: pairs of the whole task's validation prompts would cost most of this file's time.
    const lines = { train: 16, validation: 4, test: 6 };
    const rows = (["train", "validation", "test"] as const).flatMap((split) =>
      task
        .prompts(split)
        .slice(0, lines[split])
        .map(({ text }) => ({ prompt: text, answer: "24", split })),
    );
    writeFileSync(join(cli.folder, "pairs.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const more = "--epochs 1 --batch-size 8 --rank 4 --curve-samples 1 --train-n 2".split(" ");
    const both: Record<string, any> = await cli.jsonInTurn([
      ..."sharpen pairs.jsonl --model game24 --methods sft,xpo --n 4 --max-tokens 48 --seed 3".split(" "),
      ...["--rounds", "2", "--run", "pairs", ...more, ...ONE_THREAD],
    ]);
    const dpo: Record<string, any> = await cli.jsonInTurn([
      ...["train", "dpo", "pairs", "--beta", "1", ...more, ...ONE_THREAD],
    ]);
    expect(dpo).toMatchObject({ sft: both.sft, xpo: both.xpo, adapterDir: "pairs/adapters/dpo" });
    // Whether prompts look known by heart is told of what is learned as it stands, by SFT alone.
    expect(both.sft.memorized).toBeDefined();
    for (const name of Object.keys(both.sft).filter((field) => field !== "memorized")) {
      expect(dpo.dpo).toHaveProperty(name);
      expect(both.xpo).toHaveProperty(name);
    }
    expect([both.sft.modelCalls, dpo.dpo.modelCalls, both.xpo.modelCalls]).toEqual([32, 32, 32]);
    expect([dpo.dpo.epochs.length, both.xpo.epochs.length]).toEqual([2, 3]);
    const other = await cli.inTurn(["train", "dpo", "pairs", "--beta", "2", ...ONE_THREAD]);
    expect(other.stderr).toMatch(/pairs\/adapters\/dpo was trained with beta = 1, but now it is 2/);
  }, 120_000);
});
