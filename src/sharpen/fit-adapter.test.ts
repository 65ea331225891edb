import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterruptedError } from "../core/errors.js";
import type { LocalPolicy } from "../policy/local-policy.js";
import { localTrainers } from "../policy/local-trainer.js";
import type { ScoreRequest } from "../policy/policy.js";
import type { Trainers } from "../policy/trainer.js";
import type { LoraAdapter } from "../transformer/format/peft.js";
import {
  fitAdapter,
  type FitHooks,
  type FitOptions,
  type FitResult,
  type Restored,
  type Unfinished,
} from "./fit-adapter.js";
import type { FitProblem, Iterate } from "./fit-problem.js";
import { throwIfStopped } from "./interrupt.js";
import { sftProblem } from "./sft.js";
import { bytesOf, tinyFit } from "./tiny-job.test-helper.js";
import { promptsOf, tinyPolicy } from "./tiny-policies.test-helper.js";

let policy: LocalPolicy;
let trainers: Trainers<LoraAdapter>;
const folder = mkdtempSync(join(tmpdir(), "whetstone-fit-"));
beforeAll(async () => {
  policy = await tinyPolicy("tiny-gqa");
  trainers = localTrainers(policy);
});
afterAll(async () => {
  await policy.dispose();
  rmSync(folder, { recursive: true });
});

const examples: ScoreRequest[] = promptsOf(5).map((prompt, i) => ({
  prompt,
  tokens: [4 + i, 9, 20 - i].slice(i % 3),
}));
/** Two steps an epoch. */
const problem = sftProblem(examples, [], 2);
const file = join(folder, "checkpoint.safetensors");

/** A training that keeps its checkpoints in a file, and goes on from there. */
interface Kept {
  readonly fit: (
    different?: Partial<FitOptions>,
    hooks?: FitHooks<LoraAdapter>,
    of?: FitProblem<ScoreRequest>,
  ) => Promise<FitResult<LoraAdapter>>;
  /** Epoch and steps within it of each checkpoint. */
  readonly checkpoints: (readonly [number, number | undefined])[];
  readonly steps: number[];
}

function kept(): Kept {
  let last: Restored | undefined;
  const done: Iterate[] = [];
  const checkpoints: Kept["checkpoints"] = [];
  const steps: number[] = [];
  const own: FitHooks<LoraAdapter> = {
    onStep: (step) => steps.push(step),
    checkpoint: async (trainer, epoch, unfinished?: Unfinished) => {
      checkpoints.push([epoch.epoch, unfinished?.steps]);
      if (done.at(-1) !== epoch) done.push(epoch);
      await trainer.save(file, {});
      last = { epochs: [...done], unfinished };
    },
    restore: async (trainer) => {
      if (last) await trainer.load(file);
      return last;
    },
  };
  const fit: Kept["fit"] = (different, hooks, of = problem) =>
    fitAdapter(trainers, of, { ...tinyFit, ...different }, { ...own, ...hooks });
  return { fit, checkpoints, steps };
}

describe("fitAdapter", () => {
  let whole: FitResult<LoraAdapter>;
  beforeAll(async () => {
    whole = await kept().fit({ keep: "last" });
  });

  function stopAt(last: number): { readonly stop: AbortController; readonly onStep: (step: number) => void } {
    const stop = new AbortController();
    return { stop, onStep: (step) => step === last && stop.abort() };
  }

  /** Stops where the hooks do so, goes on, and ends as if nothing had been. */
  async function stopAndGoOn(
    { fit, steps }: Kept,
    stop: AbortController,
    hooks: FitHooks<LoraAdapter>,
    of: typeof problem = problem,
  ): Promise<number[]> {
    await expect(fit({ keep: "last", signal: stop.signal }, hooks, of)).rejects.toThrow(InterruptedError);
    steps.splice(0);
    const result = await fit({ keep: "last" }, {}, { ...of, judge: problem.judge });
    expect(bytesOf(result.adapter!)).toEqual(bytesOf(whole.adapter!));
    expect(result.epochs).toEqual(whole.epochs);
    return steps;
  }

  it("keeps what was learned of an iterate when it is stopped", async () => {
    const training = kept();
    const { stop, onStep } = stopAt(3);
    expect(await stopAndGoOn(training, stop, { onStep })).toEqual([4]);
    expect(training.checkpoints).toEqual([
      [0, undefined],
      [1, undefined],
      [1, 1],
      [2, undefined],
    ]);
  });

  it("keeps all steps of an iterate that is stopped while it is judged", async () => {
    const training = kept();
    const stop = new AbortController();
    const judge: typeof problem.judge = async (trainer, epoch) => {
      if (epoch === 1) stop.abort();
      throwIfStopped(stop.signal, "Judging");
      return problem.judge(trainer, epoch);
    };
    expect(await stopAndGoOn(training, stop, {}, { ...problem, judge })).toEqual([3, 4]);
    expect(training.checkpoints[1]).toEqual([0, 2]);
  });

  it("keeps what was learned where a checkpoint is due", async () => {
    const training = kept();
    let asked = 0;
    await training.fit({}, { due: () => ++asked % 2 === 1 });
    expect(asked).toBe(4);
    expect(training.checkpoints.filter(([, steps]) => steps !== undefined)).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it("learns an iterate anew whose examples are not those of before", async () => {
    const training = kept();
    const { stop, onStep } = stopAt(3);
    const of = { ...problem, wholeIterates: true };
    expect(await stopAndGoOn(training, stop, { onStep, due: () => true }, of)).toEqual([3, 4]);
    expect(training.checkpoints.map(([, steps]) => steps)).toEqual([undefined, undefined, undefined]);
  });

  it("says that it was stopped where it could not keep what was learned", async () => {
    const stop = new AbortController();
    const hooks: FitHooks<LoraAdapter> = {
      onStep: () => stop.abort(),
      checkpoint: (_, __, unfinished) =>
        unfinished ? Promise.reject(new Error("No space is left.")) : Promise.resolve(),
    };
    const stopped = kept().fit({ signal: stop.signal }, hooks);
    await expect(stopped).rejects.toThrow(/^Training was stopped\.$/);
  });
});
