import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { connectTrainer, type ConnectedTrainer } from "../../src/policy/tinker/connect-trainer.js";
import { testTrainerContract } from "../../src/policy/trainer-contract.test-helper.js";
import {
  openSafetensors,
  writeSafetensors,
  type FloatTensor,
} from "../../src/transformer/format/safetensors.js";
import { contractSequences } from "../support/drawn-elsewhere.js";
import { followLosses, type Apart } from "../support/followed-losses.js";
import { processesWith } from "../support/processes.js";
import { writeTinyModel } from "../support/tiny-model.js";
import { PYTHON, startWorker, WORKER, type Worker } from "../support/worker.js";

describe.skipIf(PYTHON === undefined)("the package's worker", () => {
  const base = mkdtempSync(join(tmpdir(), "whetstone-base-"));
  let worker: Worker;
  const connected: ConnectedTrainer[] = [];
  beforeAll(async () => {
    await writeTinyModel(base);
    worker = await startWorker(base, ["--threads", "1"]);
  });
  afterAll(async () => {
    for (const each of connected) await each.close();
    await worker?.remove();
    rmSync(base, { recursive: true });
  });

  /** Adds to one number of what the worker saved: A and B, in the order of the file, moments left out. */
  const move = async (path: string, parameter: number, by: number): Promise<void> => {
    const { weights } = JSON.parse(readFileSync(path, "utf8")) as { readonly weights: string };
    const [, model, name] = /^tinker:\/\/(.+)\/weights\/(.+)$/.exec(weights)!;
    const stored = join(worker.state, model!, "weights", `${name}.safetensors`);
    const file = await openSafetensors(stored);
    const tensors = new Map<string, FloatTensor>();
    for (const key of file.tensors.keys()) tensors.set(key, await file.read(key));
    const metadata = Object.fromEntries(file.metadata);
    await file.close();
    let at = parameter;
    for (const [key, { data }] of tensors) {
      if (key.startsWith("exp_avg")) continue;
      if (at < data.length) {
        data[at]! += by;
        break;
      }
      at -= data.length;
    }
    await writeSafetensors(stored, tensors, metadata);
  };

  /** How far the steps of a worker are from the local ones. */
  const followed = async (url: string, steps: number): Promise<Apart> => {
    const trainer = await connectTrainer({ url, base });
    connected.push(trainer);
    const policy = await LocalPolicy.load(base, { threads: 1 });
    const apart = await followLosses({
      ...{ there: trainer.trainers, here: policy, base, sequences: contractSequences, steps, rate: 0.01 },
      options: { rank: 4, alpha: 8, clipNorm: 1, weightDecay: 0.01, seed: 5 },
      batchOf: (step) => contractSequences.slice(0, 2 + (step % 3)),
      folder: join(base, `followed-${connected.length}`),
    });
    await policy.dispose();
    return apart;
  };

  it("follows the local losses over 50 steps, and exports what peft loads with the same log-probabilities", async () => {
    const { losses, exported } = await followed(worker.url, 50);
    expect(losses).toBeLessThan(1e-3);
    expect(exported).toBeLessThan(1e-4);
  });

  it("is one worker in two processes that hold half of the layers each, and none of them outlives torchrun", async () => {
    const two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"];
    const launched = await startWorker(base, ["--threads", "1", "--shard", "yes"], undefined, two);
    const { losses, exported } = await followed(launched.url, 4);
    expect(losses).toBeLessThan(1e-3);
    expect(exported).toBeLessThan(1e-4);
    await connected.pop()!.close();
    const ranks = (): number[] => processesWith(["worker.py", launched.state]);
    expect(ranks().length).toBeGreaterThanOrEqual(3);
    await launched.kill();
    await expect.poll(ranks).toEqual([]);
    await launched.remove();
  });

  it("passes its own tests", () => {
    const env = { ...process.env, PYTHONPATH: dirname(WORKER) };
    const args = ["-m", "unittest", "-q", "test_torch_worker"];
    const ended = spawnSync(PYTHON!, args, { cwd: import.meta.dirname, env, encoding: "utf8" });
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/Ran 12 tests/);
  });

  testTrainerContract({
    name: "the worker",
    make: async () => {
      const policy = await LocalPolicy.load(base, { threads: 1, rows: 8 });
      const trainer = await connectTrainer({ url: worker.url, base });
      connected.push(trainer);
      return { base: policy, trainers: trainer.trainers };
    },
    options: { rank: 1, alpha: 2, targetModules: ["v_proj"] },
    sequences: contractSequences,
    tolerance: 1e-4,
    differences: { move, nudge: 0.02, gradientTolerance: 0.02 },
  });
});
