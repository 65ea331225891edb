import type { AdapterMetrics } from "../../evaluate/metrics.js";
import type { MethodWords } from "../../evaluate/collapse.js";
import type { Policy } from "../../policy/policy.js";
import type { Trainers } from "../../policy/trainer.js";
import type { SelfReward } from "../../reward/self-reward.js";
import type { Run } from "../../run/run.js";
import type { Task } from "../../task/task.js";
import type { DrawSettings } from "../draw.js";
import type { FitOptions } from "../fit-adapter.js";
import type { FitProblem } from "../fit-problem.js";
import type { Keep } from "../kept-epoch.js";
import type { PromptSplit } from "../prompts.js";
import type { MethodOption, OwnSettings } from "./options.js";

/**
 * A way to train what a self-reward prefers into an adapter (paper §2.1, §2.2, Alg. 1). Everything that the command line, the
 * training record, the measurements, the suites and the page need to know of it is in this one value: they loop over the
 * registry and name no method.
 */
export interface Method extends MethodWords {
  /** As the command line writes it, and the adapter's folder: lower case, digits and hyphens, unique. */
  readonly name: string;
  /** As a sentence writes it: `SFT`. */
  readonly title: string;
  /** A few words for the list of methods: `the choice`. */
  readonly brief: string;
  /** One sentence for `train <name> --help`, and where that helps more of them. */
  readonly summary: string;
  readonly details?: string;
  /** Command lines after `train <name> <run>`, each with what it does. */
  readonly examples: readonly (readonly [options: string, meaning: string])[];
  /** Settings that other methods need not have, in the order of the record. */
  readonly options: readonly MethodOption[];
  /** Responses per training prompt. */
  readonly trainN: {
    /** `n`: as many as are drawn of each test prompt. */
    readonly default: number | "n";
    readonly least: number;
    /** Where the default comes from, for `--help`. */
    readonly source?: string;
    /** What becomes of them, in a few words. */
    readonly help?: string;
  };
  /** Iterates in a row without a lower validation loss that end its training, unless a number is given; 0: never. */
  readonly patience: number;
  /** Which iterate it keeps, unless that is asked for. Default: `best`. */
  readonly keep?: Keep;
  /** Whether its own plan judges iterates by J_β, so that none has to do it for it. Default: no. */
  readonly judgesObjective?: boolean;
  /** A method whose presets hold for this one too, where it has none of its own. */
  readonly presetsOf?: string;
  /** Files of the run, beside adapters/<name>, that hold what it drew; the seed of its training changes none of them. */
  readonly draws: readonly DrawFile[];
  readonly page: MethodPage;
  /**
   * Refuses, before anything is drawn, what it cannot do; ranges of settings are checked already.
   * @throws UsageError naming the setting, or the reward.
   */
  check?(settings: MethodSettings, reward: SelfReward): void;
  /** How it draws its examples and what it fits to them. */
  plan(context: MethodContext): Promise<MethodPlan>;
}

/** A file of a run with what a method drew. */
export interface DrawFile {
  readonly name: string;
  /** Whether its lines depend on the reward and on N: to train anew with others, it has to go too. */
  readonly bySettings: boolean;
}

/** What the page says of a method's training. */
export interface MethodPage {
  /** What its losses are: the title of their panel. */
  readonly losses: string;
  /** Why an iterate is kept, after "the kept epoch has": the lowest or highest of something. */
  readonly kept: string;
  /** The numbers among its facts that stand in the comparison of adapters; the same label wherever two methods tell the same. */
  readonly facts: readonly FactRow[];
}

/** A number that a method tells of its training, as a row of the comparison. */
export interface FactRow {
  /** The fact's name in the adapter's metrics. */
  readonly fact: string;
  readonly label: string;
  /** A whole number, or one of three digits. */
  readonly write: "count" | "digits";
}

/** Everything that a method's adapter depends on besides the run and the reward. */
export interface MethodSettings {
  /** Responses per training prompt; what becomes of them is the method's. */
  readonly trainN: number;
  readonly fit: Omit<FitOptions, "signal">;
  /** The method's own settings by name; what is left out has the default of its option. */
  readonly own?: OwnSettings | undefined;
}

/** What a method plans from. Draws go into the run, so that a plan made again draws nothing twice. */
export interface MethodContext extends Omit<DrawSettings, "n"> {
  readonly method: Method;
  /** The base. */
  readonly policy: Policy;
  readonly trainers: Trainers;
  readonly task: Task;
  readonly run: Run;
  readonly split: PromptSplit;
  readonly reward: SelfReward;
  readonly settings: MethodSettings;
  /**
   * Draw all responses to training prompts in full and keep them, for other rewards and methods to learn from, where fewer tokens would do for
   * this one. The examples are the same. Default: false.
   */
  readonly keepDraws?: boolean | undefined;
  /** A remark for people: parameters that were computed, and from what. */
  readonly note?: ((text: string) => void) | undefined;
}

/** What is fitted, and what is known of it beforehand. */
export interface MethodPlan {
  /** Fits any problem: its examples are the method's own affair. */
  fitTo<T>(fit: <E>(problem: FitProblem<E>) => Promise<T>): Promise<T>;
  /** Iterates besides the base. */
  readonly iterates: number;
  readonly facts: MethodFacts;
}

/** What a method tells of its training besides the curve: numbers of its own, by name, among them those of `MethodPage.facts`. */
export type MethodFacts = Pick<
  AdapterMetrics,
  "modelCalls" | "validationCalls" | "quantities" | "memorized"
> &
  Readonly<Record<string, number | Readonly<Record<string, number>> | undefined>>;
