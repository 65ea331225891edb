/** SmolLM2 with its training elsewhere: the worker beside the local engine, and the whole loop with every part real. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchRealModel } from "../../scripts/fetch-model.mjs";
import type { AdapterMetrics } from "../../src/evaluate/metrics.js";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import type { Response, ScoreRequest } from "../../src/policy/policy.js";
import { connectTrainer, type ConnectedTrainer } from "../../src/policy/tinker/connect-trainer.js";
import { verifyRun } from "../../src/run/verify-run.js";
import { loadAdapter } from "../../src/transformer/format/peft.js";
import { commandLine, recordsOf, type CommandLine } from "../support/cli.js";
import { followLosses } from "../support/followed-losses.js";
import {
  llamaServer,
  LLAMA_PYTHON,
  SERVED_MODEL,
  SERVER_KEY,
  type LlamaServer,
} from "../support/llama-server.js";
import { RAY_PYTHON, startRay, type RayHead } from "../support/ray.js";
import { PYTHON, startWorker, type Worker } from "../support/worker.js";

/** `WHETSTONE_CRASH=full`: DPO too, two epochs, a run beside a local one, and steps enough that little of the loss is left. The last step's batch is the first's. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
const STEPS = FULL ? 49 : 19;
const EPOCHS = FULL ? "2" : "1";
const path = PYTHON === undefined ? undefined : await fetchRealModel("smollm2");
const questions = Array.from({ length: 12 }, (_, i) => ({
  id: `q${i}`,
  prompt: `Question: What is ${i} + 2?\nAnswer:`,
}));

describe.skipIf(path === undefined)("the worker on SmolLM2", () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-followed-"));
  let worker: Worker;
  let policy: LocalPolicy;
  let trainer: ConnectedTrainer;
  beforeAll(async () => {
    worker = await startWorker(path!, ["--threads", "1"]);
    policy = await LocalPolicy.load(path!);
    trainer = await connectTrainer({ url: worker.url, base: path! });
  });
  afterAll(async () => {
    await trainer?.close();
    await policy?.dispose();
    await worker?.remove();
    rmSync(folder, { recursive: true });
  });

  it("follows the local losses step by step, and exports what peft loads with the same log-probabilities", async () => {
    const prompts = questions.slice(0, 6).map(({ id, prompt }) => ({ id, text: prompt }));
    const sequences: ScoreRequest[] = [];
    const requests = prompts.map((prompt) => ({ prompt, index: 0 }));
    for await (const { promptId, tokens } of policy.sample(requests, {
      temperature: 1,
      maxTokens: 12,
      seed: 7,
    }))
      sequences.push({ prompt: prompts.find(({ id }) => id === promptId)!, tokens });
    const found = await followLosses({
      ...{ there: trainer.trainers, here: policy, base: path!, sequences, folder, steps: STEPS, rate: 2e-4 },
      options: { rank: 8, alpha: 16, clipNorm: 1, weightDecay: 0.01, seed: 5 },
      batchOf: (step) => [sequences[step % 6]!, sequences[(step + 1) % 6]!],
    });
    console.log(`${STEPS} steps on SmolLM2: ${JSON.stringify(found)}`);
    expect(found.losses).toBeLessThan(1e-3);
    expect(found.exported).toBeLessThan(1e-3);
    // They have learned something, so that the steps are no repetition of the first.
    expect(found.ends[1]).toBeLessThan((FULL ? 0.1 : 0.8) * found.ends[0]);
  }, 600_000);
});

const all = [path, LLAMA_PYTHON, RAY_PYTHON].every((part) => part !== undefined);
describe.skipIf(!all)("sharpening SmolLM2: llama.cpp draws, a worker under Ray trains", () => {
  const METHODS = FULL ? (["sft", "dpo", "xpo"] as const) : (["sft", "xpo"] as const);
  let cli: CommandLine;
  let server: LlamaServer;
  let ray: RayHead;
  beforeAll(async () => {
    process.env["WHETSTONE_API_KEY"] = SERVER_KEY;
    cli = commandLine();
    [server, ray] = await Promise.all([llamaServer(path!), startRay()]);
    const lines = questions.map(({ id, prompt }, i) =>
      JSON.stringify({ id, prompt, answer: i + 2, split: i < 6 ? "train" : i < 8 ? "validation" : "test" }),
    );
    writeFileSync(join(cli.folder, "sums.jsonl"), lines.join("\n"));
  }, 600_000);
  afterAll(async () => {
    delete process.env["WHETSTONE_API_KEY"];
    await server?.kill();
    await ray?.stop();
    cli?.remove();
  }, 60_000);

  const drawing = ["--task", "sums.jsonl", "--raw", "--n", "3", "--max-tokens", "12"];
  const fitting = [
    "--epochs",
    EPOCHS,
    "--rank",
    "8",
    "--alpha",
    "16",
    "--curve-samples",
    "1",
    "--learning-rate",
    "1e-3",
  ];
  const elsewhere = (): string[] => [
    ...["--trainer", `ray://${new URL(ray.url).host}`, "--trainer-python", PYTHON!, "--base", path!],
    ...["--trainer-state", join(cli.folder, "state")],
  ];
  const metricsOf = (run: string): Readonly<Record<string, AdapterMetrics>> =>
    (
      JSON.parse(readFileSync(join(cli.folder, run, "metrics.json"), "utf8")) as {
        readonly adapters: Readonly<Record<string, AdapterMetrics>>;
      }
    ).adapters;

  it("closes the loop in one command, and what an adapter drew has the log-probabilities that we give it", async () => {
    const ended = await cli.run([
      ...[
        "sharpen",
        ...drawing,
        "--model",
        `openai:${SERVED_MODEL}`,
        "--api",
        "completions",
        "--run",
        "loop",
      ],
      ...["--base-url", server.url, ...elsewhere(), ...fitting],
      // llama.cpp rounds activations to eight bits.
      ...[
        "--trainer-tolerance",
        "0.2",
        "--methods",
        METHODS.join(),
        "--rounds",
        "2",
        "--beta",
        "0.5",
        "--optimism",
        "0.01",
      ],
    ]);
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/the same model/);
    const dir = join(cli.folder, "loop");
    expect((await verifyRun(dir)).problems).toEqual([]);
    expect(Object.keys(metricsOf("loop")).sort()).toEqual([...METHODS].sort());
    expect(readFileSync(join(dir, "report.html"), "utf8")).toContain("xpo");
    const policy = await LocalPolicy.load(path!);
    for (const method of METHODS) {
      const adapter = join(dir, "adapters", method);
      const drawn = recordsOf<Response>(join(adapter, "responses.jsonl"));
      expect(drawn).toHaveLength(4 * 3);
      const adapted = await policy.withAdapter(await loadAdapter(adapter), method);
      const scored = await adapted.logProb(
        drawn.map(({ promptId, tokens }) => {
          const { id, prompt } = questions.find((one) => one.id === promptId)!;
          return { prompt: { id, text: prompt }, tokens };
        }),
      );
      drawn.forEach(({ logProbs }, i) =>
        logProbs.forEach((value, t) => expect(Math.abs(value - scored[i]![t]!)).toBeLessThan(2e-3)),
      );
      await adapted.dispose();
    }
    await policy.dispose();
  }, 900_000);

  it.runIf(FULL)(
    "ends as on this machine alone, from the same draws",
    async () => {
      const drawn = await cli.run(["sample", ...drawing, "--model", path!, "--run", "here"]);
      expect(drawn.status, drawn.stderr).toBe(0);
      const again = await cli.run(["sample", ...drawing, "--model", path!, "--run", "there"]);
      expect(again.status, again.stderr).toBe(0);
      const local = await cli.run(["train", "sft", "here", ...fitting]);
      expect(local.status, local.stderr).toBe(0);
      const remote = await cli.run(["train", "sft", "there", ...fitting, ...elsewhere()]);
      expect(remote.status, remote.stderr).toBe(0);
      const losses = (run: string): number[] =>
        recordsOf<{ readonly validationLoss: number }>(
          join(cli.folder, run, "adapters", "sft", "epochs.jsonl"),
        ).map(({ validationLoss }) => validationLoss);
      // Each begins with an adapter of its own, so that only before the first step they are the same to rounding.
      expect(Math.abs(losses("here")[0]! - losses("there")[0]!)).toBeLessThan(1e-4);
      console.log(`validation losses here ${losses("here").join()}, there ${losses("there").join()}`);
      losses("here").forEach((value, epoch) =>
        expect(Math.abs(value - losses("there")[epoch]!)).toBeLessThan(0.1),
      );
    },
    900_000,
  );
});
