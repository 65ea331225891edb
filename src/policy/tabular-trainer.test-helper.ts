import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ModelError, UsageError } from "../core/errors.js";
import { adamWState, adamWStep, clipGradientNorm } from "../graph/index.js";
import { logSoftmax } from "./differentiable.js";
import type { Policy, ScoreRequest } from "./policy.js";
import { tabularPolicy } from "./tabular.js";
import type { Trainer, Trainers } from "./trainer.js";

type Table = Readonly<Record<string, readonly number[]>>;

/** What a tabular trainer keeps: a number is added to the logit of each response to each prompt. */
interface Saved {
  readonly theta: number[];
  readonly first: number[];
  readonly second: number[];
  readonly step: number;
  readonly metadata: Readonly<Record<string, string>>;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

/** Adds to one number of what a tabular trainer saved. */
export async function moveTabular(path: string, parameter: number, by: number): Promise<void> {
  const saved = readJson(path) as Saved;
  saved.theta[parameter]! += by;
  await Promise.resolve(writeFileSync(path, JSON.stringify(saved)));
}

/** Trainers of a table: every response is one token. A second implementation of the interface, that one can read. */
export function tabularTrainers(rows: Table): Trainers<Table> {
  const ids = Object.keys(rows);
  const responses = rows[ids[0]!]!.length;
  const size = ids.length * responses;
  const policyOf = (table: Table, name: string): Policy => tabularPolicy(table, name);
  return {
    vocabularySize: responses,
    parameters: () => size,
    noFull: undefined,
    start: ({ clipNorm, weightDecay, from }) => {
      const begun = from === undefined ? rows : (readJson(join(from, "table.json")) as Table);
      return Promise.resolve(tabularTrainer(begun, { ids, responses, clipNorm, weightDecay }, policyOf));
    },
    withAdapter: (folder, name) =>
      Promise.resolve(policyOf(readJson(join(folder, "table.json")) as Table, name)),
  };
}

interface Shape {
  readonly ids: readonly string[];
  readonly responses: number;
  readonly clipNorm: number;
  readonly weightDecay: number;
}

function tabularTrainer(
  rows: Table,
  { ids, responses, clipNorm, weightDecay }: Shape,
  policyOf: (table: Table, name: string) => Policy,
): Trainer<Table> {
  const theta = new Float32Array(ids.length * responses);
  const state = adamWState([theta]);
  let gathered: { loss: number; readonly gradient: Float32Array } | undefined;
  const logRow = (id: string): Float64Array =>
    logSoftmax(Float64Array.from(rows[id]!, (p, y) => Math.log(p) + theta[ids.indexOf(id) * responses + y]!));
  const table = (): Table =>
    Object.fromEntries(ids.map((id) => [id, Array.from(logRow(id), (value) => Math.exp(value))]));
  const logProbs = (sequences: readonly ScoreRequest[]): number[][] =>
    sequences.map(({ prompt, tokens }) => tokens.map((token) => logRow(prompt.id)[token]!));
  return {
    get steps() {
      return state.step;
    },
    logProbs: (sequences) => Promise.resolve(logProbs(sequences)),
    forwardBackward: (sequences, weights) => {
      gathered ??= { loss: 0, gradient: new Float32Array(theta.length) };
      let loss = 0;
      for (const [i, { prompt, tokens }] of sequences.entries()) {
        const row = logRow(prompt.id);
        const weight = weights[i]![0]!;
        loss -= weight * row[tokens[0]!]!;
        // ∂ log π(y)/∂θ(y') = [y = y'] − π(y').
        for (let y = 0; y < responses; y++)
          gathered.gradient[ids.indexOf(prompt.id) * responses + y]! -=
            weight * (Number(y === tokens[0]) - Math.exp(row[y]!));
      }
      gathered.loss += loss;
      return Promise.resolve(loss);
    },
    optimStep: (rate) => {
      if (gathered === undefined)
        return Promise.reject(new UsageError("There is no gradient to step along."));
      const { loss, gradient } = gathered;
      gathered = undefined;
      const gradientNorm = clipGradientNorm([gradient], clipNorm);
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
        return Promise.reject(new ModelError(`Training diverged (loss ${loss}).`));
      adamWStep([theta], [gradient], state, rate, { weightDecay });
      return Promise.resolve({ gradientNorm });
    },
    policy: (name) => Promise.resolve(policyOf(table(), name)),
    adapter: () => Promise.resolve(table()),
    exportAdapter: async (folder) => {
      mkdirSync(folder, { recursive: true });
      await Promise.resolve(writeFileSync(join(folder, "table.json"), JSON.stringify(table())));
    },
    save: async (path, metadata) => {
      const [first, second] = [[...state.first[0]!], [...state.second[0]!]];
      const saved: Saved = { theta: [...theta], first, second, step: state.step, metadata };
      await Promise.resolve(writeFileSync(path, JSON.stringify(saved)));
    },
    load: (path) => {
      const saved = readJson(path) as Saved;
      theta.set(saved.theta);
      state.first[0]!.set(saved.first);
      state.second[0]!.set(saved.second);
      state.step = saved.step;
      gathered = undefined;
      return Promise.resolve(new Map(Object.entries(saved.metadata)));
    },
    dispose: () => Promise.resolve(),
  };
}
