import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PUBLISHED } from "../../src/cli/schemas/published.js";
import { schemaNames } from "../../src/cli/schemas/registry.js";
import { commandLine, recordsOf, type CommandLine } from "../support/cli.js";
import { ONE_THREAD } from "../support/small-job.js";

const DRAW = ["--prompts", "4", "--n", "4", "--orders", "1", ...ONE_THREAD];
const SUITE = ["--prompts", "2", "--n", "2", "--seeds", "1", ...ONE_THREAD];
const TRAIN = ["--train-prompts", "4", "--train-n", "2", "--epochs", "1", "--curve-samples", "1"];

/**
 * A command line of each form that a command's last line has; those of one run after those that make it. What trains is held to its schema
 * wherever a test runs it (`resultOf` in test/support/cli.ts).
 */
const LINES: readonly (readonly string[])[] = [
  ["sharpen", "game24", "--dry-run", ...DRAW],
  ["sharpen", "game24", ...DRAW, "--no-amortize", "--adaptive", "0.2", "--run", "job"],
  [
    "sharpen",
    "plain.jsonl",
    "--model",
    "game24",
    "--no-amortize",
    "--n",
    "4",
    "--max-tokens",
    "18",
    "--run",
    "plain",
  ],
  ["sample", "game24", ...DRAW, "--run", "draws"],
  ["sample", "game24", ...DRAW, "--method", "power", "--blocks", "2", "--run", "power"],
  ["sample", "game24", ...DRAW, "--method", "smc", "--run", "smc"],
  ["sample", "game24", ...DRAW, "--quantize", "int8", "--run", "quantized"],
  ["sample", "plain.jsonl", "--model", "openai:m", "--batch", "out", "--n", "2", "--run", "batch"],
  ["train", "dpo", "draws", ...TRAIN],
  ["evaluate", "job"],
  ["evaluate", "draws", "--reward", "majority,borda"],
  ["report", "job"],
  ["runs", "list", "."],
  ["runs", "show", "job"],
  ["runs", "show", "power"],
  ["runs", "compare", "job", "plain"],
  ["runs", "remove", "smc", "--yes"],
  ["demo-page", "demo"],
  ["export", "draws/adapters/dpo", "merged", "--model", "game24"],
  ["export", "draws/adapters/dpo", "lora.gguf", "--model", "game24"],
  ["answer", "4 9 10 13 = 24 :", "-n", "4"],
  ["answer", "4 9 10 13 = 24 :", "-n", "4", "--all", "--quantize", "int8"],
  ["answer", "4 9 10 13 = 24 :", "--method", "power"],
  ["answer", "4 9 10 13 = 24 :", "--method", "smc"],
  ["answer", "4 9 10 13 = 24 :", "1 2 3 4 = 24 :", "-n", "4"],
  ["answer", "-f", "plain.jsonl", "-m", "game24", "-n", "2", "-o", "out.jsonl"],
  ["models"],
  ["models", "inspect", "game24"],
  ["theory", "--list"],
  ["theory", "--errata"],
  ["theory", "--only", "prop-3.1", "--page", "theory.html"],
  ["reproduce", "inference", ...SUITE, "--out", "figures"],
  [
    "reproduce",
    "amortized",
    ...SUITE,
    "--train-n",
    "2",
    "--epochs",
    "1",
    "--train-prompts",
    "4",
    "--out",
    "table",
  ],
];

let cli: CommandLine;
beforeAll(() => {
  cli = commandLine();
  const prompts = ["4 9 10 13 = 24 :", "1 2 3 4 = 24 :"].map((prompt) => JSON.stringify({ prompt }));
  writeFileSync(join(cli.folder, "plain.jsonl"), `${prompts.join("\n")}\n`);
});
afterAll(() => cli.remove());

it.each(LINES.map((line) => [line.join(" "), line] as const))(
  "%s --json ends with what its schema says",
  async (_, line) => {
    const result = await cli.jsonInTurn(line);
    expect(Object.keys(result)).not.toHaveLength(0);
  },
);

it("so do serve, and the files that have one", async () => {
  const running = cli.start(["serve", "--port", "0", "--json", ...ONE_THREAD]);
  const url = await new Promise<string>((resolve) => running.child.stdout!.once("data", resolve));
  expect(PUBLISHED.serve.schema.parse(JSON.parse(url))).toMatchObject({ model: "game24" });
  running.child.kill("SIGINT");
  await running.ended;
  const answers = recordsOf(join(cli.folder, "out.jsonl"));
  const ofRun = recordsOf(join(cli.folder, "plain", "answers.jsonl"));
  const metrics: unknown = JSON.parse(readFileSync(join(cli.folder, "job", "metrics.json"), "utf8"));
  expect(answers).toHaveLength(2);
  for (const answer of answers) PUBLISHED["answers-out.jsonl"].schema.parse(answer);
  for (const answer of ofRun) PUBLISHED["answers.jsonl"].schema.parse(answer);
  PUBLISHED["metrics.json"].schema.parse(metrics);
  const covered = new Set(LINES.map(([command]) => command));
  expect(schemaNames.filter((name) => !covered.has(name))).toEqual([
    ...["serve", "view", "answers.jsonl", "answers-out.jsonl", "metrics.json"],
    "whetstone.config.json",
  ]);
});

it("schema prints them, as they are published", async () => {
  const folder = join(import.meta.dirname, "..", "..", "docs", "json");
  for (const name of schemaNames) {
    const { stdout } = await cli.inTurn(["schema", name]);
    const published = readFileSync(join(folder, `${name}.schema.json`), "utf8");
    expect(JSON.parse(stdout), "docs/json is not current: npm run docs:json").toEqual(JSON.parse(published));
  }
});
