import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { connectTrainer, type ConnectedTrainer } from "../../src/policy/tinker/connect-trainer.js";
import { testTrainerContract } from "../../src/policy/trainer-contract.test-helper.js";
import {
  openSafetensors,
  writeSafetensors,
  type FloatTensor,
} from "../../src/transformer/format/safetensors.js";
import { writeTinyModel } from "../support/tiny-model.js";
import { PYTHON, startWorker, type Worker } from "../support/worker.js";

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

  const prompts = [
    { id: "first", text: "4 9 10 13 = 24 :" },
    { id: "second", text: "1" },
    { id: "third", text: "1 2 3 4 = 24 : 1 +" },
  ] as const;
  testTrainerContract({
    name: "the worker",
    make: async () => {
      const policy = await LocalPolicy.load(base, { threads: 1, rows: 8 });
      const trainer = await connectTrainer({ url: worker.url, base });
      connected.push(trainer);
      return { base: policy, trainers: trainer.trainers };
    },
    options: { rank: 1, alpha: 2, targetModules: ["v_proj"] },
    sequences: [
      { prompt: prompts[0], tokens: [5, 6, 10] },
      { prompt: prompts[1], tokens: [7] },
      { prompt: prompts[2], tokens: [12, 3, 4, 8, 9] },
      { prompt: prompts[0], tokens: [2, 11] },
    ],
    tolerance: 1e-4,
    move,
    nudge: 0.02,
    gradientTolerance: 0.02,
  });
});
