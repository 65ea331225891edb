import { memoryLeft } from "../../core/free-memory.js";
import type { Engine, Graph, Session } from "../../graph/index.js";
import { evenLength, packBatches, type SequenceBatch, type TokenPair } from "../decoder/packing.js";
import type { ModelConfig } from "../families/config.js";
import { TOKENS_PER_PASS, bytesOfPass, frugalTokens } from "./pass-memory.js";
import type { TrainingGraph } from "./training-graph.js";

/** How batches go through the graph. */
export interface PassOptions {
  /** Padded tokens a pass, and tokens that it learns; larger batches are accumulated over several passes. Default 2048; with checkpointing fewer, by the vocabulary. */
  readonly maxTokensPerPass?: number;
  /**
   * Whether the backward pass computes each layer again (activation checkpointing): a third more time, for a fraction of the memory.
   * Default: where a batch would not fit into memory otherwise; gradients are the same but for rounding.
   */
  readonly checkpointing?: boolean | undefined;
  /** Bytes of memory that the process may take. Default: what is free, less 1 GB. */
  readonly memory?: number | undefined;
}

/**
 * Frozen weights up to this size, in bytes, are packed for training where memory is plentiful. A weight is used by a product and by
 * its transpose: packed, it is held twice more, for steps that take 7 % less time.
 */
const PACK_UP_TO = 2 ** 30;

/** The passes of a batch, one after the other, and what runs them. */
export interface Passes {
  readonly session: Session;
  readonly batches: readonly SequenceBatch[];
}

/** The compiled graph of a training: the one that holds a layer's values for its gradients, or the one that computes them again. */
export class TrainingSession {
  private session: Session | undefined;
  private recompute = false;
  /** Bytes of the largest pass so far. */
  private largest = 0;

  constructor(
    private readonly engine: Engine,
    private readonly config: ModelConfig,
    private readonly graphOf: (recompute: boolean) => TrainingGraph,
    private readonly options: PassOptions,
  ) {}

  /** Compiles the graph. @returns what is trained, and what is fed beside a batch, for good. */
  async begin(): Promise<TrainingGraph> {
    const { checkpointing, memory } = this.options;
    const asked = this.graphOf(checkpointing === true);
    this.recompute = checkpointing ?? 2 * bytesOf(asked.graph) > memoryLeft(memory);
    const chosen = this.recompute && checkpointing === undefined ? this.graphOf(true) : asked;
    await this.compile(chosen.graph);
    return chosen;
  }

  private async compile(graph: Graph): Promise<Session> {
    const packed = !this.recompute && bytesOf(graph) <= PACK_UP_TO;
    return (this.session = await this.engine.session(graph, { constants: packed ? "packed" : "shared" }));
  }

  private cut(pairs: readonly TokenPair[]): SequenceBatch[] {
    const most = this.recompute ? frugalTokens(this.config) : TOKENS_PER_PASS;
    const maxTokens = this.options.maxTokensPerPass ?? most;
    return packBatches(pairs, { maxTokens, evenLength: evenLength(this.config) });
  }

  /** A batch in passes; from the first on that would not fit into memory through the graph that holds little. */
  async passes(pairs: readonly TokenPair[]): Promise<Passes> {
    const batches = this.cut(pairs);
    if (this.recompute || this.options.checkpointing === false) return { session: this.session!, batches };
    const need = Math.max(0, ...batches.map(({ size }) => bytesOfPass(this.config, size)));
    // What earlier passes took is kept for the next: what is no larger fits, and nobody has to look.
    const more = need - this.largest;
    if (more <= 0 || more <= memoryLeft(this.options.memory)) {
      this.largest = Math.max(this.largest, need);
      return { session: this.session!, batches };
    }
    await this.session!.dispose();
    this.recompute = true;
    return { session: await this.compile(this.graphOf(true).graph), batches: this.cut(pairs) };
  }

  async dispose(): Promise<void> {
    await this.session?.dispose();
  }
}

function bytesOf({ initializers }: Graph): number {
  return initializers.reduce((sum, { data }) => sum + data.byteLength, 0);
}
