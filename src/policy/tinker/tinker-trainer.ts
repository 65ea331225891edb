import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ModelError, ServerError, UsageError } from "../../core/errors.js";
import { writeAtomically } from "../../core/files.js";
import { readJsonFile } from "../../core/json-file.js";
import { ALL_LINEARS, adapterTargets } from "../../transformer/families/modules.js";
import type { Policy, ScoreRequest } from "../policy.js";
import type { Trainer, TrainerOptions, Trainers } from "../trainer.js";
import { adapterFiles } from "./adapter-files.js";
import type { BaseText } from "./base-text.js";
import { Refusal } from "./connection.js";
import type { AdapterShape, TinkerModel, TinkerSession } from "./session.js";
import { scoreOn, TinkerPolicy } from "./tinker-policy.js";

/** In an adapter's folder, beside PEFT's two files: where the trainer has it. */
const PLACE = "trainer.json";
const MOST_BYTES = 1 << 20;

/** Where a trainer keeps an adapter, and what it is. */
const placeSchema = z.object({
  weights: z.string(),
  steps: z.int().min(0),
  shape: z.object({
    rank: z.int(),
    alpha: z.number(),
    targets: z.array(z.string()),
    seed: z.int(),
  }),
  metadata: z.record(z.string(), z.string()),
});
/** An adapter of a trainer as a value: where it is kept. */
export type TinkerAdapter = z.infer<typeof placeSchema>;

/** A server with a base that trains adapters of it, whose habits are known. */
export interface TinkerBase {
  readonly session: TinkerSession;
  readonly base: BaseText;
}

/** Trains adapters on a server that speaks Tinker's protocol. The losses are ours: it gets weights of tokens. */
export function tinkerTrainers(on: TinkerBase): Trainers<TinkerAdapter> {
  const { session, base } = on;
  return {
    vocabularySize: base.config.vocabSize,
    noFull:
      "A trainer elsewhere trains adapters alone, not every weight: train an adapter, or train on this machine.",
    parameters: ({ rank, targetModules }) =>
      base.parameters(rank, targetsOf(base, targetModules), session.habits.shared),
    start: async (options) => {
      const { rank, alpha, targetModules, seed, from } = options;
      if (from !== undefined) return begunAt(on, options, await readPlace(join(from, PLACE)));
      const shape = { rank, alpha, targets: targetsOf(base, targetModules), seed };
      const model = await session.createToTrain(shape);
      if (!session.told.own) await checkShape(model, shape);
      return new TinkerTrainer(on, options, shape, model);
    },
    withAdapter: async (folder, name) => {
      const place = await readPlace(join(folder, PLACE));
      const model = await loaded(session, place, "draw");
      return policyOf(model, base, name);
    },
  };
}

/** @throws UsageError where only a part of the adapter is to be trained: servers train all of it. */
async function begunAt(
  on: TinkerBase,
  options: TrainerOptions,
  place: TinkerAdapter,
): Promise<TinkerTrainer> {
  const asked = targetsOf(on.base, options.targetModules);
  const { targets } = place.shape;
  if (targets.length !== asked.length || targets.some((target) => !asked.includes(target)))
    throw new UsageError(
      `A trainer elsewhere goes on with all of an adapter, here ${targets.join(", ")}, not with ${asked.join(", ")}: name its own targets, or train on this machine.`,
    );
  return new TinkerTrainer(on, options, place.shape, await loaded(on.session, place, "train"));
}

/** The base itself as a policy of the server: an adapter that changes nothing. */
export async function tinkerBasePolicy({ session, base }: TinkerBase, name: string): Promise<TinkerPolicy> {
  const model = await session.create({ rank: 1, alpha: 2, targets: targetsOf(base, undefined), seed: 0 });
  return policyOf(model, base, name);
}

async function policyOf(model: TinkerModel, base: BaseText, name: string): Promise<TinkerPolicy> {
  return new TinkerPolicy(name, model, await model.saveForSampler(model.session.name()), base);
}

/** @throws UsageError for what is no linear of a layer: servers train those alone. */
function targetsOf(base: BaseText, names: readonly string[] = ALL_LINEARS): string[] {
  const whole = names.find(
    (name) => !(ALL_LINEARS as readonly string[]).includes(name) && !name.endsWith("_proj"),
  );
  if (whole !== undefined)
    throw new UsageError(
      `A trainer elsewhere adapts the linears of a layer alone, not ${whole}: leave it out, or train on this machine.`,
    );
  return adapterTargets(base.config, names);
}

/** A model that goes on from what was saved: to draw from, to be trained anew, or with the optimizer as it was. */
async function loaded(
  session: TinkerSession,
  { weights, shape }: TinkerAdapter,
  to: "draw" | "train" | "resume",
): Promise<TinkerModel> {
  const model = await (to === "draw" ? session.create(shape) : session.createToTrain(shape));
  try {
    await model.load(weights, to === "resume");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new ServerError(
      `The trainer at ${session.connection.url} does not have ${weights} any more (${error.said}): start it with the state that it had, or train anew.`,
    );
  }
  return model;
}

/** Reads back what the server made of rank, α and targets. @throws UsageError where it is something else than was asked for. */
async function checkShape(model: TinkerModel, { rank, alpha, targets }: AdapterShape): Promise<void> {
  const made = await adapterFiles(model);
  const url = model.session.connection.url;
  const refuse = (what: string, its: unknown, ours: unknown): UsageError =>
    new UsageError(
      `The trainer at ${url} makes adapters with ${what} ${JSON.stringify(its)}, not ${JSON.stringify(ours)}`,
      { reason: "trainer-shape", remedy: "ask for what it makes" },
    );
  if (made.rank !== rank) throw refuse("rank", made.rank, rank);
  if (made.alpha !== alpha) throw refuse("α", made.alpha, alpha);
  if (!sameNames(made.targets, targets)) throw refuse("targets", made.targets, targets);
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  [...a].sort().join() === [...b].sort().join();

async function readPlace(file: string): Promise<TinkerAdapter> {
  if (!existsSync(file))
    throw new ServerError(
      `${file} is missing: this adapter was not trained on a trainer, and cannot be drawn from there.`,
    );
  const parsed = placeSchema.safeParse(await readJsonFile(file, MOST_BYTES));
  if (parsed.success) return parsed.data;
  throw new ModelError(`${file} does not say where a trainer keeps an adapter; delete it and train anew.`);
}

/** What the parts of a batch have come to since the last step. */
interface Gathered {
  parts: number;
  finite: boolean;
  /** Whether anything is at the server. */
  sent: boolean;
}

const nothing = (): Gathered => ({ parts: 0, finite: true, sent: false });

class TinkerTrainer implements Trainer<TinkerAdapter> {
  #steps = 0;
  #gathered = nothing();
  /** What was saved of the parameters as they are. */
  #saved: string | undefined;

  constructor(
    private readonly on: TinkerBase,
    private readonly options: TrainerOptions,
    private readonly shape: AdapterShape,
    private model: TinkerModel,
  ) {}

  get steps(): number {
    return this.#steps;
  }

  logProbs(sequences: readonly ScoreRequest[]): Promise<number[][]> {
    return scoreOn(this.model, this.on.base, sequences);
  }

  async forwardBackward(
    sequences: readonly ScoreRequest[],
    weights: readonly (readonly number[])[],
  ): Promise<number> {
    const gathered = this.#gathered;
    gathered.parts++;
    // The server is spared what would spoil all that it has gathered.
    if (!weights.every((row) => row.every(Number.isFinite))) {
      gathered.finite = false;
      return NaN;
    }
    gathered.sent = true;
    const made = await this.on.base.sequences(sequences, weights);
    const rows = await this.model.pass(made, { forwardOnly: false });
    const lossOf = (row: readonly number[], i: number): number =>
      row.reduce((sum, value, t) => sum - (weights[i]![t]! || 0) * value, 0);
    const loss = rows.map(lossOf).reduce((a, b) => a + b, 0);
    gathered.finite &&= Number.isFinite(loss);
    return loss;
  }

  async optimStep(rate: number): Promise<{ readonly gradientNorm: number }> {
    const { parts, finite, sent } = this.#gathered;
    if (parts === 0) throw new UsageError("There is no gradient to step along.");
    this.#gathered = nothing();
    if (!finite) {
      // The protocol has no way to drop a gradient: a model that goes on from the parameters has none.
      if (sent) await this.#continueFrom(await this.#place());
      throw diverged();
    }
    this.#saved = undefined;
    const { clipNorm, weightDecay } = this.options;
    const norm = await this.model.step({ rate, clipNorm, weightDecay });
    if (norm !== undefined && !Number.isFinite(norm)) throw diverged();
    this.#steps++;
    return { gradientNorm: norm ?? NaN };
  }

  async policy(name: string): Promise<Policy> {
    // A model of its own: some servers draw from the weights that they train.
    const model = await loaded(this.on.session, await this.#place(), "draw");
    return policyOf(model, this.on.base, name);
  }

  adapter(): Promise<TinkerAdapter> {
    return this.#place();
  }

  async exportAdapter(folder: string): Promise<void> {
    const place = await this.#place();
    const { files } = await adapterFiles(this.model);
    mkdirSync(folder, { recursive: true });
    for (const [name, content] of files) await writeAtomically(join(folder, name), content);
    await writeAtomically(join(folder, PLACE), `${JSON.stringify(place, null, 2)}\n`);
  }

  async save(path: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    const before = existsSync(path) ? (await readPlace(path)).weights : undefined;
    // Never what an adapter is kept by: this one is deleted when the next takes its place.
    const place = this.#placed(await this.model.save(this.on.session.name()), metadata);
    await writeAtomically(path, `${JSON.stringify(place, null, 2)}\n`);
    const [, run, name] = /^tinker:\/\/([\w-]+)\/weights\/([\w-]+)$/.exec(before ?? "") ?? [];
    if (run !== undefined)
      await this.on.session.connection.delete(`training_runs/${run}/checkpoints/weights/${name!}`);
  }

  async load(path: string): Promise<ReadonlyMap<string, string>> {
    const place = await readPlace(path);
    await this.#continueFrom(place);
    return new Map(Object.entries(place.metadata));
  }

  async dispose(): Promise<void> {
    await this.model.unload();
  }

  /** What the parameters are now, and where they are kept if `weights` says so. */
  #placed(weights: string, metadata: Readonly<Record<string, string>> = {}): TinkerAdapter {
    return {
      weights,
      steps: this.#steps,
      shape: { ...this.shape, targets: [...this.shape.targets] },
      metadata,
    };
  }

  /** Where the parameters and the optimizer's state are kept as they are now; saved once for all that ask. */
  async #place(): Promise<TinkerAdapter> {
    this.#saved ??= await this.model.save(this.on.session.name());
    return this.#placed(this.#saved);
  }

  async #continueFrom(place: TinkerAdapter): Promise<void> {
    const model = await loaded(this.on.session, place, "resume");
    await this.model.unload();
    this.model = model;
    this.#steps = place.steps;
    // A checkpoint of a run is deleted when the next takes its place: an adapter is not kept by it.
    this.#saved = undefined;
    this.#gathered = nothing();
  }
}

const diverged = (): ModelError =>
  new ModelError("Training diverged: loss or gradient is not finite; lower the learning rate.");
