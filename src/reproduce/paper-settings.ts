import type { Preset } from "../sharpen/presets.js";

/** What the paper's amortized experiments train with (§6), and what they are of unless another method is asked for. */
export const PAPER_METHOD = "sft";

/** A row of the paper's tables of SFT-Sharpening (App. A.3): what it reports (Table 1), and what it trained with (Table 2). */
export interface PaperRow {
  readonly model: string;
  readonly task: string;
  readonly weightDecay: number;
  readonly rank: number;
  /** Default 4 (App. A.3). */
  readonly batchSize?: number;
  /** Default 30 (App. A.3). */
  readonly epochs?: number;
  /** % lift of accuracy over greedy, as reported. */
  readonly lift: string;
  /** Lift of log-likelihood over greedy, in nats, as reported. */
  readonly logLikelihoodLift: string;
}

/** What the paper trained with, and what it reports of it. */
export const PAPER_TABLE: readonly PaperRow[] = [
  {
    model: "Phi-3.5-mini",
    task: "math",
    weightDecay: 0.1,
    rank: 16,
    lift: "19.24 ± 2.41",
    logLikelihoodLift: "48.33 ± 0.17",
  },
  {
    model: "Phi-3.5-mini",
    task: "gsm8k",
    weightDecay: 0.5,
    rank: 16,
    lift: "1.82 ± 0.64",
    logLikelihoodLift: "1.49 ± 0.55",
  },
  {
    model: "Phi-3.5-mini",
    task: "prontoqa",
    weightDecay: 0,
    rank: 16,
    lift: "12.46 ± 1.08",
    logLikelihoodLift: "5.64 ± 0.01",
  },
  {
    model: "Mistral-7B",
    task: "math",
    weightDecay: 1,
    rank: 8,
    batchSize: 1,
    epochs: 10,
    lift: "8.88 ± 5.55",
    logLikelihoodLift: "5.71 ± 3.00",
  },
];

/**
 * The paper's settings for a model and task of its table, by their names; Mistral's batch, rank and epochs on every task, since the
 * paper states them for the model. Undefined where it has none of its own: then App. A.3's hold.
 */
export function paperPreset(model: string, task: string): Preset | undefined {
  const known = PAPER_TABLE.filter((row) => model.toLowerCase().includes(row.model.toLowerCase()));
  const row = known.find((candidate) => candidate.task === task.toLowerCase());
  const own = row ?? known.find(({ batchSize }) => batchSize !== undefined);
  if (own === undefined) return undefined;
  const { rank, batchSize = 4, epochs = 30 } = own;
  return {
    model,
    task,
    source: row ? "paper, Table 2 and App. A.3" : "paper App. A.3",
    training: {
      [PAPER_METHOD]: {
        rank,
        batchSize,
        epochs,
        learningRate: 3e-4,
        clipNorm: 0.1,
        weightDecay: row === undefined ? 0 : row.weightDecay,
      },
    },
  };
}
