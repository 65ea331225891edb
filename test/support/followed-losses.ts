import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { localTrainers } from "../../src/policy/local-trainer.js";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import type { ScoreRequest } from "../../src/policy/policy.js";
import { BaseText } from "../../src/policy/tinker/base-text.js";
import type { TrainerOptions, Trainers } from "../../src/policy/trainer.js";
import { PYTHON } from "./worker.js";

/** Steps that a trainer elsewhere and the local one take along the same losses. */
export interface Following {
  readonly there: Trainers;
  readonly here: LocalPolicy;
  /** The base: a folder of Hugging Face layout, or a .gguf file. */
  readonly base: string;
  readonly options: TrainerOptions;
  readonly sequences: readonly ScoreRequest[];
  /** The sequences of a step; each counts the same. */
  readonly batchOf: (step: number) => readonly ScoreRequest[];
  readonly steps: number;
  readonly rate: number;
  /** Where the adapter is exported to, before and after. */
  readonly folder: string;
}

/** How far the two are apart. */
export interface Apart {
  /** The largest relative difference of a step's losses. */
  readonly losses: number;
  /** Of the first step and the last, there. */
  readonly ends: readonly [number, number];
  /** The largest difference in nats of a token's log π by the trainer there and by peft, which has loaded what was exported. */
  readonly exported: number;
}

/** Both begin with the adapter of the trainer there. */
export async function followLosses(following: Following): Promise<Apart> {
  const { there, here, options, sequences, batchOf, steps, rate, folder } = following;
  const remote = await there.start(options);
  await remote.exportAdapter(folder);
  const local = await localTrainers(here).start({ ...options, from: folder });
  let losses = 0;
  const each: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = batchOf(step);
    const weights = batch.map(({ tokens }) => tokens.map(() => 1 / batch.length));
    const a = await remote.forwardBackward(batch, weights);
    const b = await local.forwardBackward(batch, weights);
    each.push(a);
    losses = Math.max(losses, Math.abs(a - b) / Math.abs(b));
    for (const trainer of [remote, local]) await trainer.optimStep(rate);
  }
  await remote.exportAdapter(folder);
  const scored = await remote.logProbs(sequences);
  const peft = await peftLogProbs(following);
  const apart = peft.flatMap((row, i) => row.map((value, t) => Math.abs(value - scored[i]![t]!)));
  await local.dispose();
  await remote.dispose();
  return { losses, ends: [each[0]!, each.at(-1)!], exported: Math.max(...apart) };
}

/** log π of each token, by peft. */
async function peftLogProbs({ base, folder, sequences }: Following): Promise<number[][]> {
  const text = await BaseText.open(base);
  const asked = await Promise.all(
    sequences.map(async ({ prompt, tokens }) => ({
      prompt: await text.promptTokens(prompt),
      response: tokens,
    })),
  );
  const script = join(import.meta.dirname, "../models/trainer_gradients.py");
  const cases = { peft: { kind: "score", sequences: asked } };
  const input = JSON.stringify({ base, adapter: folder, cases });
  const ended = spawnSync(PYTHON!, [script], { input, encoding: "utf8", maxBuffer: 1 << 28 });
  if (ended.status !== 0) throw new Error(ended.stderr);
  return (JSON.parse(ended.stdout) as { readonly peft: { readonly log_probs: number[][] } }).peft.log_probs;
}
