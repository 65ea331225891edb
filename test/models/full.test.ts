/** Full fine-tuning as a whole job: every method, stopped and continued, shown, and read by Python's transformers. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError, RunError, UsageError } from "../../src/core/errors.js";
import type { Metrics } from "../../src/evaluate/metrics.js";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { localTrainers } from "../../src/policy/local-trainer.js";
import { terminalTable } from "../../src/report/terminal-table.js";
import { verifyRun } from "../../src/run/verify-run.js";
import type { FitOptions } from "../../src/sharpen/fit-adapter.js";
import { methods } from "../../src/sharpen/methods/registry.js";
import type { SharpenOptions } from "../../src/sharpen/sharpen-task.js";
import { filesOf, newFolder, runJob, tinyJob, tinyTask } from "../../src/sharpen/tiny-job.test-helper.js";
import { tinyPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import { largestDifference } from "../../src/transformer/tiny-models.test-helper.js";

const repository = join(import.meta.dirname, "..", "..");
const python = process.env["WHETSTONE_PYTHON"];
const FULL: FitOptions = {
  full: true,
  epochs: 2,
  batchSize: 3,
  learningRate: 3e-3,
  clipNorm: 1,
  keep: "last",
  seed: 3,
};
const { temperature: number, ...others } = methods;
const trained = Object.values(others);

let policy: LocalPolicy;
let job: Omit<SharpenOptions, "run">;
const whole = newFolder();
let metrics: Metrics;
beforeAll(async () => {
  policy = await tinyPolicy("tiny-tied");
  const base = tinyJob(policy, await tinyTask(true), { adaptiveDelta: undefined });
  const training = trained.map((method) => ({
    method,
    trainN: Math.max(3, method.trainN.least),
    // XPO's parameters by the formulas need a margin, which so few responses need not show.
    ...(method.name === "xpo" && { own: { beta: 0.5, optimism: 0.05, rounds: 2 } }),
    fit: FULL,
  }));
  job = { ...base, amortize: { ...base.amortize!, methods: training } };
  ({ metrics } = await runJob(whole, job));
}, 120_000);
afterAll(() => policy.dispose());

describe("every weight, by every method", () => {
  it("leaves a sound folder with a model for each, and says so", async () => {
    expect((await verifyRun(whole)).problems).toEqual([]);
    for (const { name } of trained) {
      const folder = join(whole, "adapters", name);
      expect(readdirSync(folder)).toEqual(expect.arrayContaining(["config.json", "model.safetensors"]));
      expect(existsSync(join(folder, "adapter_config.json"))).toBe(false);
      const { fit } = JSON.parse(readFileSync(join(folder, "training.json"), "utf8")) as { fit: FitOptions };
      expect(fit).toEqual(FULL);
      expect(metrics.adapters[name]!.full).toBe(true);
      // Something was learned: the kept iterate is not the base.
      expect(metrics.adapters[name]!.kl!.value).not.toBeCloseTo(0, 4);
      expect(metrics.costs!.map((cost) => cost.name)).toContain(`full ${name} model, one sample`);
    }
    expect(terminalTable(metrics)).toContain("full SFT model, one sample");
  });

  it("writes the same when it is stopped while it trains, and continued", async () => {
    const only = { ...job, amortize: { ...job.amortize!, methods: job.amortize!.methods.slice(0, 2) } };
    const [straight, stopped] = [newFolder(), newFolder()];
    await runJob(straight, only);
    for (const stage of only.amortize.methods.map(({ method }) => `training, ${method.name}`)) {
      const stop = new AbortController();
      const onProgress: SharpenOptions["onProgress"] = (told) => {
        if (told.stage === stage && told.done === 4) stop.abort();
      };
      await expect(runJob(stopped, { ...only, signal: stop.signal, onProgress })).rejects.toThrow(
        InterruptedError,
      );
    }
    await runJob(stopped, only);
    expect(filesOf(stopped)).toEqual(filesOf(straight));
    // A training that was begun so is not continued as an adapter's.
    const { full: _, ...lora } = FULL;
    const other = only.amortize.methods.map((training) => ({ ...training, fit: lora }));
    await expect(
      runJob(stopped, { ...only, amortize: { ...only.amortize, methods: other } }),
    ).rejects.toThrow(RunError);
  });

  it("has one temperature fitted on top", async () => {
    const { full: _, ...fit } = FULL;
    const methods = [{ method: number!, trainN: 3, fit: { ...fit, start: "rwr" } }];
    const on = { ...job, amortize: { ...job.amortize!, methods } };
    const { metrics: now } = await runJob(whole, on);
    expect(now.adapters["temperature"]).toMatchObject({ start: "rwr" });
    expect(existsSync(join(whole, "adapters", "temperature", "model.safetensors"))).toBe(true);
    expect(Object.keys(now.adapters)).toHaveLength(trained.length + 1);
  });

  it.each([
    ["a rank", { fit: { ...FULL, rank: 4 } }, "no rank to set"],
    ["target modules", { fit: { ...FULL, targetModules: ["q_proj"] } }, "no targetModules to set"],
    ["one number", { method: number!, trainN: 3, fit: FULL }, "one number"],
  ])("is refused with %s, before anything is drawn", async (_name, different, message) => {
    const dir = newFolder();
    const methods = [{ ...job.amortize!.methods[0]!, ...different }];
    const run = runJob(dir, { ...job, amortize: { ...job.amortize!, methods } });
    await expect(run).rejects.toThrow(UsageError);
    await expect(run).rejects.toThrow(message);
    expect(existsSync(join(dir, "responses.jsonl"))).toBe(false);
  });

  it("is refused by a trainer that cannot, before anything is drawn", async () => {
    const dir = newFolder();
    const trainers = { ...localTrainers(policy), noFull: "Only adapters here." };
    const run = runJob(dir, { ...job, amortize: { ...job.amortize!, trainers } });
    await expect(run).rejects.toThrow("Only adapters here.");
    expect(existsSync(join(dir, "responses.jsonl"))).toBe(false);
  });
});

it.skipIf(python === undefined)(
  "transformers loads what was written, with its tokenizer and the same log π",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "whetstone-full-"));
    const base = await LocalPolicy.load(join(repository, "models", "game24"), { threads: 1, rows: 8 });
    const prompt = { id: "p", text: "4 9 10 13 = 24 :" };
    const sequences = [
      { prompt, tokens: [60, 40, 9, 33, 2] },
      { prompt, tokens: [21, 7] },
    ];
    const trainer = await localTrainers(base).start({
      ...{ full: true, rank: 1, alpha: 1, clipNorm: 1, weightDecay: 0, seed: 0 },
    });
    for (let i = 0; i < 3; i++) {
      await trainer.forwardBackward(
        sequences,
        sequences.map(({ tokens }) => tokens.map(() => 1)),
      );
      await trainer.optimStep(3e-3);
    }
    await trainer.exportAdapter(folder);
    const ours = (await trainer.logProbs(sequences)).map((row) => Array.from(row));
    const before = (await base.logProb(sequences)).map((row) => [...row]);
    expect(largestDifference(ours[0]!, before[0]!)).toBeGreaterThan(0.1);
    const script = join(import.meta.dirname, "full_read_back.py");
    const child = spawnSync(python!, [script, folder], {
      input: JSON.stringify(sequences.map(({ tokens }) => ({ text: prompt.text, tokens }))),
      encoding: "utf8",
      env: { ...process.env, HF_HUB_OFFLINE: "1" },
    });
    expect(child.status, child.stderr).toBe(0);
    const answer = JSON.parse(child.stdout) as {
      missing: string[];
      unexpected: string[];
      logProbs: number[][];
    };
    expect(answer).toMatchObject({ missing: [], unexpected: [] });
    answer.logProbs.forEach((row, i) => expect(largestDifference(row, ours[i]!)).toBeLessThan(1e-4));
    await trainer.dispose();
    await base.dispose();
    rmSync(folder, { recursive: true });
  },
  120_000,
);
