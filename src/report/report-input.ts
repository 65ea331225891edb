import type { Metrics } from "../evaluate/metrics.js";
import type { QuantizationError } from "../evaluate/quantization.js";

/** What fixes a run, as the page prints it; everything that a reader needs to run it again. */
export interface ReportManifest {
  /** The run's name: the last part of its folder. */
  readonly name: string;
  /** The command line that reproduces the run, options written out. */
  readonly command: string;
  readonly whetstoneVersion: string;
  readonly model: string;
  readonly modelDigest: string;
  readonly task: string;
  readonly taskDigest: string;
  /** How a model that takes conversations got the prompts; absent where it takes text alone. */
  readonly promptForm?: "chat" | "raw";
  /** Every option, the defaults included; values are printed as JSON. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Versions of what computed it, by name (Node, onnxruntime-node, …). */
  readonly versions: Readonly<Record<string, string>>;
  /** What quantizing the base has done to log π; absent where it is held in float32. */
  readonly quantization?: QuantizationError;
  /** How the draws of π^α went, in a sentence; absent where responses are independent samples. */
  readonly power?: string;
}

/** One response of a prompt, with its scores. Fields that need labels or the whole distribution may be absent. */
export interface ResponseRow {
  readonly index: number;
  readonly text: string;
  /** Length in tokens. */
  readonly tokens: number;
  /** log π_base(y|x) at temperature 1, in nats. */
  readonly logProb: number;
  /** `logProb` / `tokens`. */
  readonly lengthNormalized: number;
  /** Mean over tokens of KL(uniform ‖ p_t), in nats. */
  readonly selfCertainty?: number;
  /** The canonical answer, where one was found. */
  readonly answer?: string;
  readonly correct?: boolean;
  /** Names of the self-rewards that choose this response among all of the prompt's. */
  readonly chosenBy: readonly string[];
}

/** A text that an adapter drew for a prompt, and how often. */
export interface AdapterText {
  readonly text: string;
  readonly times: number;
  readonly correct?: boolean;
  /** Whether it is the adapter's greedy response, which may never have been drawn otherwise. */
  readonly greedy?: boolean;
}

/** A test prompt with everything that was drawn for it. */
export interface PromptRow {
  readonly id: string;
  readonly text: string;
  readonly greedy?: { readonly text: string; readonly logProb: number; readonly correct?: boolean };
  readonly responses: readonly ResponseRow[];
  /** What each adapter drew for it, by the adapter's name. */
  readonly adapters?: Readonly<Record<string, readonly AdapterText[]>>;
}

/** Everything that a report shows: plain, serializable values. */
export interface ReportInput {
  readonly metrics: Metrics;
  readonly manifest: ReportManifest;
  readonly prompts: readonly PromptRow[];
  /** How many prompts there are, where `prompts` are but a sample of them, evenly spread. */
  readonly sampleOf?: number;
}
