import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Policy } from "../policy/policy.js";
import { rewardNamed } from "../reward/registry.js";
import { startRun, type Run } from "../run/run.js";
import { jsonlTask } from "../task/jsonl.js";
import type { Task } from "../task/task.js";
import type { LoraAdapter } from "../transformer/format/peft.js";
import type { FitOptions } from "./fit-adapter.js";
import { sft } from "./methods/sft.js";
import { sharpenTask, type SharpenOptions, type SharpenResult } from "./sharpen-task.js";
import { promptsOf } from "./tiny-policies.test-helper.js";

/** A file of 14 prompts, as a user writes them; the answers are numbers that the tiny models do give now and then. */
export async function tinyTask(labelled: boolean): Promise<Task> {
  const path = join(mkdtempSync(join(tmpdir(), "whetstone-task-")), "numbers.jsonl");
  const lines = promptsOf(14).map(({ id, text }, i) =>
    JSON.stringify({ id, prompt: text, ...(labelled && i % 7 !== 3 ? { answer: 13 + (i % 3) * 10 } : {}) }),
  );
  writeFileSync(path, lines.join("\n"));
  return jsonlTask(path, { grader: "numeric", maxTokens: 5 });
}

type JobOptions = Omit<SharpenOptions, "run">;

/** How every method fits in these jobs. */
export const tinyFit: FitOptions = {
  epochs: 2,
  batchSize: 3,
  learningRate: 0.01,
  clipNorm: 1,
  rank: 2,
  targetModules: ["q_proj", "up_proj"],
  seed: 3,
};

/** Every number of an adapter, to be compared to the bit. */
export const bytesOf = (adapter: LoraAdapter): number[][] =>
  [...adapter.weights.values()].flatMap(({ a, b }) => [[...a], [...b]]);

/** Everything on, everything small: 4 test, 8 training and 2 validation prompts of the tiny task. */
export function tinyJob(policy: Policy, task: Task, different: Partial<JobOptions> = {}): JobOptions {
  return {
    policy,
    task,
    n: 4,
    temperature: 1,
    maxTokens: task.maxTokens,
    seed: 3,
    rewards: ["log-likelihood", "length-normalized", "majority", "self-certainty"].map(rewardNamed),
    ns: [1, 2, 4],
    adaptiveDelta: 0.5,
    amortize: {
      reward: rewardNamed("log-likelihood"),
      methods: [{ method: sft, trainN: 5, fit: tinyFit }],
      curveSamples: 2,
      command: "whetstone sharpen numbers.jsonl",
    },
    ...different,
  };
}

/** Starts, or continues, the job's run in a folder; the task and the policy stand for all that differs between these jobs. */
export function startJob(dir: string, job: JobOptions): Promise<Run> {
  const { policy, task, n, temperature, maxTokens, seed } = job;
  const config = {
    model: { name: policy.name, digest: policy.digest },
    task: { name: task.name, digest: task.digest },
    drawing: { n, temperature, maxTokens },
    seeds: { run: seed },
  };
  const command = "whetstone sharpen numbers.jsonl";
  return startRun(dir, config, { resume: true, command, createdAt: "2026-01-01T00:00:00.000Z" });
}

/** Runs, or continues, the job in a folder. */
export async function runJob(dir: string, options: JobOptions): Promise<SharpenResult> {
  const run = await startJob(dir, options);
  try {
    return await sharpenTask({ ...options, run });
  } finally {
    await run.close();
  }
}

export const newFolder = (): string => join(mkdtempSync(join(tmpdir(), "whetstone-job-")), "run");

/** Every file of a folder by its name; metrics.json without the seconds; the lock left out: these alone may differ. */
export function filesOf(dir: string): Record<string, string> {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.endsWith(".lock"),
  );
  const files = entries.map(({ parentPath, name }) => relative(dir, join(parentPath, name))).sort();
  return Object.fromEntries(
    files.map((file) => {
      const bytes = readFileSync(join(dir, file));
      if (file.endsWith(".safetensors")) return [file, bytes.toString("base64")];
      const text = bytes.toString("utf8");
      if (file !== "metrics.json") return [file, text];
      return [file, JSON.stringify({ ...(JSON.parse(text) as object), seconds: null })];
    }),
  );
}
