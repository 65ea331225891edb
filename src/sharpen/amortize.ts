import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isBase } from "../evaluate/collapse.js";
import { epochLine } from "../evaluate/epoch-schema.js";
import { measureAdapter, measureEpoch } from "../evaluate/measure-adapter.js";
import type { AdapterMetrics, EpochMetrics } from "../evaluate/metrics.js";
import { drawnBy, sequenceLogProb, type Policy, type Response } from "../policy/policy.js";
import type { Trainer, Trainers } from "../policy/trainer.js";
import type { Pool, SelfReward } from "../reward/self-reward.js";
import type { RecordLog } from "../run/record-log.js";
import type { RecordKind } from "../run/record-lines.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { recordedBaselines } from "./baselines.js";
import { drawGreedy, drawResponses, type DrawSettings } from "./draw.js";
import { fitAdapter, type Restored, type Unfinished } from "./fit-adapter.js";
import type { Iterate } from "./fit-problem.js";
import { hasEnded, keptEpoch } from "./kept-epoch.js";
import { knownDraws, type Draws } from "./known-draws.js";
import { BASE_DRAWS } from "./methods/base-responses.js";
import type { Method, MethodPlan, MethodSettings } from "./methods/method.js";
import { judgedPrompts, objectiveJudge } from "./methods/objective-judge.js";
import type { PromptSplit } from "./prompts.js";
import { baseLogProbs, baseLogProbsFile, keepScores, scoreUnder } from "./score-under.js";

export interface AmortizeOptions extends DrawSettings {
  readonly method: Method;
  /** The base. */
  readonly policy: Policy;
  readonly trainers: Trainers;
  readonly task: Task;
  readonly run: Run;
  readonly split: PromptSplit;
  /** Chooses y^BoN, or is r of the pairs. */
  readonly reward: SelfReward;
  readonly settings: MethodSettings;
  /** Samples per test prompt for each point of the training curve and its guards; 0 for none. */
  readonly curveSamples: number;
  /** The base's responses to the test prompts, for the paired gains. */
  readonly pools: readonly Pool[];
  readonly greedy: readonly Response[];
  /** See `MethodContext.keepDraws`. */
  readonly keepDraws?: boolean | undefined;
  /** A clock in milliseconds. Absent: within an iterate training is kept only where it is stopped. */
  readonly now?: (() => number) | undefined;
  /** A remark for people. */
  readonly note?: ((text: string) => void) | undefined;
}

const epochRecords: RecordKind<EpochMetrics> = {
  schema: epochLine,
  key: ({ epoch }) => `${epoch}`,
};

/** Milliseconds of training within an iterate that a kill may lose. */
const CHECKPOINT_EVERY = 300_000;

/**
 * Sharpening of a run into an adapter, from draws to measurement: the method's examples, the adapter of the kept iterate in
 * PEFT's layout (adapters/<method>) or, where every weight is trained, a model of Hugging Face layout, the training curve with its guards (adapters/<method>/epochs.jsonl), and the adapter's own
 * responses to the test prompts. Killed at any moment and called again, it continues.
 */
export async function amortize(
  options: AmortizeOptions,
): Promise<{ readonly metrics: AdapterMetrics; readonly adapterDir: string }> {
  const { method, run, split, settings } = options;
  const { keep, start, full } = settings.fit;
  const adapterDir = run.adapterDir(method.name);
  const plan = await judgedPlan(options, await method.plan(options));
  const epochs = await trainAdapter(options, adapterDir, plan);
  const kept = { epochs, keptEpoch: keptEpoch(epochs, keep) };
  const from = start === undefined ? {} : { start };
  // The base has the base's draws only where it is drawn from on this machine.
  const drawnAsBase = isBase({ ...kept, ...from }) && options.trainers.base === options.policy;
  const measured = await (drawnAsBase
    ? measureDraws(options, await baseDraws(options), true)
    : measureTrained(options, adapterDir));
  return {
    adapterDir,
    metrics: {
      ...measured,
      ...kept,
      ...(keep !== undefined && keep !== "best" && { keep }),
      ...from,
      ...(full && { full }),
      trainingPrompts: split.train.length,
      trainingSamples: settings.trainN,
      ...plan.facts,
    },
  };
}

/** The plan with its iterates judged by J_β too, where that is what one is kept by and the method does not judge so itself. */
async function judgedPlan(options: AmortizeOptions, plan: MethodPlan): Promise<MethodPlan> {
  const { settings } = options;
  if (settings.fit.keep !== "objective" || options.method.judgesObjective === true) return plan;
  const { beta = 0, validationCalls = 0 } = plan.facts;
  const judge = await objectiveJudge(options, {
    beta: typeof beta === "number" ? beta : 0,
    comparedN: settings.trainN,
    against: "base",
  });
  const compared = comparedCalls(options, judge.compared, validationCalls);
  const calls = judge.calls * (plan.iterates + 1) + compared;
  return {
    ...plan,
    facts: { ...plan.facts, validationCalls: validationCalls + calls },
    fitTo: (fit) =>
      plan.fitTo((problem) =>
        fit({
          ...problem,
          judge: async (trainer, epoch) => ({
            ...(await problem.judge(trainer, epoch)),
            objective: await judge.judge(trainer, epoch),
          }),
        }),
      ),
  };
}

/**
 * The base's responses that only judging draws. A method that learns from the base's own draws has them in the same file: what its plan
 * counts of the judged prompts is not counted again.
 */
function comparedCalls(
  { method, split, settings }: AmortizeOptions,
  compared: number,
  validationCalls: number,
): number {
  const prompts = judgedPrompts({ split }).length;
  if (!method.draws.some(({ name }) => name === BASE_DRAWS.name)) return prompts * compared;
  if (split.validation.length > 0) return Math.max(0, prompts * compared - validationCalls);
  return prompts * Math.max(0, compared - settings.trainN);
}

async function trainAdapter(
  options: AmortizeOptions,
  adapterDir: string,
  plan: MethodPlan,
): Promise<EpochMetrics[]> {
  const { method, trainers, run, signal, onProgress } = options;
  const log = await run.log(join("adapters", method.name, "epochs.jsonl"), epochRecords);
  const checkpoint = join(adapterDir, "checkpoint.safetensors");
  const { patience = 0, keep } = options.settings.fit;
  if (!hasEnded(await log.records(), plan.iterates, patience, keep) || existsSync(checkpoint)) {
    const { start } = options.settings.fit;
    const hooks = {
      from: start === undefined ? undefined : run.adapterDir(start),
      onStep: (done: number, total: number) =>
        onProgress?.({ stage: `training, ${method.name}`, done, total }),
      onEpoch: (epoch: Iterate, trainer: Trainer, kept: boolean) =>
        recordEpoch(options, log, adapterDir, epoch, trainer, kept),
      checkpoint: (trainer: Trainer, { epoch }: Iterate, unfinished?: Unfinished) => {
        // The record must not be lost where the checkpoint that builds on it survives.
        log.sync();
        const place = Object.entries({ epoch, ...unfinished }).map(([name, value]) => [name, `${value}`]);
        return trainer.save(checkpoint, Object.fromEntries(place) as Record<string, string>);
      },
      due: everySoOften(CHECKPOINT_EVERY, options.now),
      restore: (trainer: Trainer) => restoreEpochs(trainer, checkpoint, log),
    };
    const fit = { ...options.settings.fit, signal };
    await plan.fitTo((problem) => fitAdapter(trainers, problem, fit, hooks));
    rmSync(checkpoint, { force: true });
    const done = (await log.records()).length - 1;
    if (done < plan.iterates) {
      options.note?.(
        `${method.name}: ended after ${done} of ${plan.iterates} epochs, ${patience} of them without ${keep === "objective" ? "a higher J_β" : "a lower validation loss"}.`,
      );
    }
  }
  return log.records();
}

async function recordEpoch(
  options: AmortizeOptions,
  log: RecordLog<EpochMetrics>,
  adapterDir: string,
  epoch: Iterate,
  trainer: Trainer,
  kept: boolean,
): Promise<void> {
  if (kept) await trainer.exportAdapter(adapterDir);
  // A process that died between this line and its checkpoint has written it already.
  if (!log.has(`${epoch.epoch}`)) log.append({ ...epoch, ...(await curvePoint(options, trainer)) });
}

/** Whether so many milliseconds have passed since it last said so. Without a clock they never have. */
function everySoOften(milliseconds: number, now?: () => number): () => boolean {
  let last = now?.() ?? 0;
  return () => {
    if (now === undefined || now() - last < milliseconds) return false;
    last = now();
    return true;
  };
}

/** Continues from the checkpoint, unless records of its epochs are gone: then training begins anew, and repeats them. */
async function restoreEpochs(
  trainer: Trainer,
  checkpoint: string,
  log: RecordLog<EpochMetrics>,
): Promise<Restored | undefined> {
  if (!existsSync(checkpoint)) return undefined;
  const place = await trainer.load(checkpoint);
  const number = (name: string): number => Number(place.get(name));
  const last = number("epoch");
  const epochs = (await log.records()).filter(({ epoch }) => epoch <= last);
  if (epochs.length !== last + 1) return undefined;
  if (!place.has("steps")) return { epochs };
  return { epochs, unfinished: { steps: number("steps"), total: number("total"), size: number("size") } };
}

/** One point of the training curve: shown, never used to choose. */
async function curvePoint(options: AmortizeOptions, trainer: Trainer): Promise<Partial<EpochMetrics>> {
  const { method, task, split, curveSamples, temperature, maxTokens, seed, signal } = options;
  if (curveSamples === 0 || split.test.length === 0) return {};
  const adapted = await trainer.policy(method.name);
  try {
    const requests = split.test.flatMap((prompt) =>
      Array.from({ length: curveSamples }, (_, index) => ({ prompt, index })),
    );
    const responses: Response[] = [];
    for await (const response of adapted.sample(requests, {
      temperature,
      maxTokens,
      seed,
      ...(signal && { signal }),
    })) {
      responses.push(response);
    }
    const drawn = drawnBy(method.name, responses);
    const scored = await scoreUnder(options.policy, drawn, { prompts: split.test, signal });
    const measured = drawn.map((draw, i) => ({ ...draw, baseLogProb: sequenceLogProb(scored[i]!) }));
    return measureEpoch({ task, prompts: split.test, responses: measured, temperature, seed });
  } finally {
    await adapted.dispose();
  }
}

/** `measureDraws` of the adapter that was exported. */
async function measureTrained(
  options: AmortizeOptions,
  adapterDir: string,
): Promise<ReturnType<typeof measureAdapter>> {
  const adapted = await options.trainers.withAdapter(adapterDir, options.method.name);
  try {
    return await measureDraws(options, adapted);
  } finally {
    await adapted.dispose();
  }
}

/** What the run has drawn of the base, and the base for the rest. Greedy responses may be given without all that their file has. */
async function baseDraws({ policy, pools, run }: AmortizeOptions): Promise<Draws> {
  return knownDraws(policy, pools, await (await run.greedyLog()).records());
}

/**
 * The adapter's own samples and greedy responses on the test prompts, and what they say beside the base's.
 * @param ofBase whether it is the base that drew them.
 */
async function measureDraws(
  options: AmortizeOptions,
  adapted: Draws,
  ofBase = false,
): Promise<ReturnType<typeof measureAdapter>> {
  const { method, policy, task, run, split, pools, greedy, seed, signal, onProgress } = options;
  const drawn = await drawResponses(
    await run.responseLog(method.name),
    adapted,
    split.test,
    options,
    `sampling, ${method.name}`,
  );
  const best = await drawGreedy(
    await run.greedyLog(method.name),
    adapted,
    split.test,
    options,
    `greedy, ${method.name}`,
  );
  const log = await run.log(baseLogProbsFile(method.name), baseLogProbs);
  const score = { prompts: split.test, signal, isBase: ofBase };
  const byAdapter = drawnBy(method.name, drawn.flat());
  const responses = await keepScores(log, policy, byAdapter, { ...score, onProgress });
  const greedily = await keepScores(log, policy, drawnBy(method.name, best), score);
  const independent = options.temperature === 1;
  const runs = [{ responses, greedy: greedily }];
  const baselines = await recordedBaselines(run, split.test);
  return measureAdapter({ task, pools, greedy, seed, independent, baselines, runs });
}
