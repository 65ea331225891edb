import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { filesOf } from "../../src/sharpen/tiny-job.test-helper.js";
import { commandLine, type CommandLine } from "../support/cli.js";

/** `WHETSTONE_CRASH=full`: 200 kills, 80 of sampling, 60 of training, 30 of evaluation and 30 of the report; else a tenth or so. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
const MOMENTS = FULL ? 80 : 20;
/** Kills of one run, before it is let to its end. */
const KILLS = 4;
const PROMPTS = 96;
const N = 50;
const SAMPLE = ["sample", "game24", "--prompts", String(PROMPTS), "--n", String(N)];

let cli: CommandLine;
/** How long the uninterrupted run took, in milliseconds. */
let took: number;
const bytes = (run: string, name: string): string => readFileSync(join(cli.folder, run, name), "utf8");

beforeAll(async () => {
  cli = commandLine();
  const started = performance.now();
  await cli.json([...SAMPLE, "--run", "whole"]);
  took = performance.now() - started;
});
afterAll(() => cli.remove());

it(`a sampling run that is killed at ${MOMENTS} random moments loses and doubles nothing`, async () => {
  const moments = randomStream(20, "moments of death");
  /** Kills an attempt at a random moment. @returns whether it was still alive. */
  const kill = async (run: string): Promise<boolean> => {
    const running = cli.start([...SAMPLE, "--run", run, "--resume"]);
    const timer = setTimeout(() => running.child.kill("SIGKILL"), (moments.next() * took) / 2);
    const { signal } = await running.ended;
    clearTimeout(timer);
    return signal === "SIGKILL";
  };
  let killed = 0;
  for (let i = 0; killed < MOMENTS; i++) {
    const run = `killed-${i}`;
    let alive = true;
    for (let k = 0; k < KILLS && alive && killed < MOMENTS; k++) {
      alive = await kill(run);
      if (alive) killed++;
    }
    await cli.json([...SAMPLE, "--run", run, "--resume"]);
    for (const file of ["prompts.jsonl", "greedy.jsonl", "responses.jsonl"])
      expect(bytes(run, file), `${run}/${file}`).toBe(bytes("whole", file));
    const { problems, counts } = await verifyRun(join(cli.folder, run));
    expect(problems).toEqual([]);
    expect(counts["responses.jsonl"]).toBe(PROMPTS * N);
  }
});

const TRAIN = [
  "--train-prompts",
  "8",
  "--train-n",
  "2",
  "--epochs",
  "2",
  "--curve-samples",
  "1",
  "--rank",
  "2",
];
const LATER = [
  ["train", FULL ? 60 : 3, ["train", "sft", "RUN", ...TRAIN, "--threads", "1"]],
  ["evaluate", FULL ? 30 : 2, ["evaluate", "RUN"]],
  ["report", FULL ? 30 : 2, ["report", "RUN"]],
] as const;

it.each(LATER)(
  "%s that is killed at %i random moments, and called again, ends with the same files",
  async (name, kills, words) => {
    const draw = ["sample", "game24", "--prompts", "4", "--n", "4", "--orders", "1"];
    const base = join(cli.folder, `base-${name}`);
    await cli.json([...draw, "--run", base]);
    if (name !== "train") await cli.json(["evaluate", base]);
    const lineOf = (run: string): string[] => words.map((word) => (word === "RUN" ? run : word));
    const copied = (run: string): string => {
      cpSync(base, join(cli.folder, run), { recursive: true });
      rmSync(join(cli.folder, run, ".lock"), { recursive: true, force: true });
      return run;
    };
    const started = performance.now();
    await cli.json(lineOf(copied(`${name}-whole`)));
    const length = performance.now() - started;
    const moments = randomStream(21, name);
    let killed = 0;
    for (let i = 0; killed < kills; i++) {
      const run = copied(`${name}-${i}`);
      const running = cli.start(lineOf(run));
      const timer = setTimeout(() => running.child.kill("SIGKILL"), moments.next() * length);
      if ((await running.ended).signal === "SIGKILL") killed++;
      clearTimeout(timer);
      await cli.json(lineOf(run));
      expect(withoutNames(filesOf(join(cli.folder, run)), run)).toEqual(
        withoutNames(filesOf(join(cli.folder, `${name}-whole`)), `${name}-whole`),
      );
    }
  },
);

/** A run's files where its own name and the seconds it took are of no account; pages show both. */
function withoutNames(files: Record<string, string>, run: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files)
      .filter(([name]) => name !== "report.html")
      .map(([name, text]) => [name, text.replaceAll(run, "RUN")]),
  );
}
