import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileSource } from "../support/compiled.js";
import { commandLine, type CommandLine } from "../support/cli.js";

const PROMPTS = ["4 9 10 13 = 24 :", "1 3 4 6 = 24 :", "2 2 6 6 = 24 :", "3 4 5 6 = 24 :", "2 3 5 12 = 24 :"];

const CONCISE = `
export default {
  name: "concise",
  description: "the fewest tokens",
  needs: [],
  score: async ({ responses }) => responses.map(({ logProbs }) => -logProbs.length),
};
`;

/** A person's own program: nothing but the package's public names. */
const PROGRAM = (library: string): string => `
import { configureRun, findReward, jsonlTask, LocalPolicy, modelFolder, rewardNamed, sharpenTask, startRun } from "${library}";

const policy = await LocalPolicy.load(modelFolder("game24"), { name: "game24", threads: 1 });
const task = await jsonlTask("prompts.jsonl", { maxTokens: 18 });
const concise = await findReward("./concise.mjs");
const job = { policy, task, rewards: [concise], n: 3, temperature: 1, maxTokens: 18, seed: 5 };
const config = configureRun(job, { task: "prompts.jsonl" });
const run = await startRun("mine", config, { command: "node program.mjs", createdAt: "2026-01-01T00:00:00Z" });
const { metrics } = await sharpenTask({ ...job, run });
await run.close();
const inline = { ...rewardNamed("log-likelihood"), name: "inline" };
await (await startRun("inline", configureRun({ ...job, rewards: [inline] }, { task: "prompts.jsonl" }), { command: "", createdAt: "" })).close();
await policy.dispose();
console.log(JSON.stringify(metrics));
`;

let cli: CommandLine;
let made: Record<string, unknown>;
beforeAll(() => {
  cli = commandLine();
  const lines = PROMPTS.map((prompt, i) => ({ prompt, answer: "24", split: i < 3 ? "test" : "train" }));
  writeFileSync(join(cli.folder, "prompts.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
  writeFileSync(join(cli.folder, "concise.mjs"), CONCISE);
  const library = pathToFileURL(join(compileSource(), "index.js")).href;
  writeFileSync(join(cli.folder, "program.mjs"), PROGRAM(library));
  const { stdout, stderr, status } = spawnSync(process.execPath, ["program.mjs"], {
    cwd: cli.folder,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  made = JSON.parse(stdout) as Record<string, unknown>;
}, 180_000);
afterAll(() => cli.remove());

describe("a run that a program made with the library is a run for every command", { timeout: 60_000 }, () => {
  it("evaluate gives the program's own figures", async () => {
    const evaluated = await cli.json(["evaluate", "mine"]);
    for (const figure of ["greedy", "base", "coverage", "prompts", "n"])
      expect(evaluated[figure]).toEqual(made[figure]);
    const best = (metrics: Record<string, unknown>): unknown =>
      (metrics["bestOfN"] as { concise: unknown }).concise;
    expect(best(evaluated)).toEqual(best(made));
  });

  it("train and report go on from it", async () => {
    const fit = ["--epochs", "1", "--rank", "1", "--target-modules", "q_proj", "--curve-samples", "0"];
    const trained = await cli.json(["train", "sft", "mine", "--reward", "./concise.mjs", ...fit]);
    expect(trained["adapters"]).toMatchObject({ sft: { trainingPrompts: 2, trainingSamples: 3 } });
    expect(Object.keys(trained["bestOfN"] as object)).toEqual(["concise"]);
    await cli.json(["report", "mine"]);
    expect(readFileSync(join(cli.folder, "mine", "report.html"), "utf8")).toContain("node program.mjs");
  });

  it("whose reward is no module of its own is asked for it", async () => {
    const { stderr } = await cli.run(["evaluate", "inline"]);
    expect(stderr).toMatch(
      /There is no reward "inline": choose one of .*, or give the path of your own module/,
    );
  });
});
