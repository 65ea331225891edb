import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { RunError } from "../../../core/errors.js";
import { writeAtomically, writeError } from "../../../core/files.js";

/** One request of a batch file, as OpenAI's batch route and `vllm run-batch` take it. */
export interface BatchRequest {
  /** `<prompt's id>:<index>`; the greedy response has index −1. */
  readonly custom_id: string;
  readonly method: "POST";
  /** Such as `/v1/completions`. */
  readonly url: string;
  readonly body: Record<string, unknown>;
}

/** Where requests are written, and how many at most to a file. */
export interface ShardOptions {
  readonly folder: string;
  /** At least 1. Programs that write their results only at the end lose less with small ones. */
  readonly size: number;
}

const SHARD = /^requests-\d+\.jsonl$/;

/** Batch files that are written one after the other: `requests-00000.jsonl` and so on, each whole or not at all. */
export class Shards {
  readonly #options: ShardOptions;
  #lines: string[] = [];
  #requests = 0;
  /** Paths of the files so far. */
  readonly files: string[] = [];

  private constructor(options: ShardOptions) {
    this.#options = options;
  }

  /** @throws RunError where the folder cannot be made, or holds requests already: they may be under way. */
  static async open(options: ShardOptions): Promise<Shards> {
    const { folder } = options;
    let names: string[];
    try {
      await mkdir(folder, { recursive: true });
      names = await readdir(folder);
    } catch (cause) {
      throw writeError(folder, cause);
    }
    if (!names.some((name) => SHARD.test(name))) return new Shards(options);
    throw new RunError(`${folder} holds requests already, which may be under way`, {
      reason: "batch-exists",
      where: folder,
      remedy: "choose another folder",
    });
  }

  /** Requests so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Adds a request; a file that is full is written. @throws RunError if it cannot be. */
  async add(request: BatchRequest): Promise<void> {
    this.#lines.push(`${JSON.stringify(request)}\n`);
    this.#requests += 1;
    if (this.#lines.length >= this.#options.size) await this.flush();
  }

  /** Writes what is left. @throws RunError if it cannot be. */
  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const name = `requests-${String(this.files.length).padStart(5, "0")}.jsonl`;
    const path = join(this.#options.folder, name);
    await writeAtomically(path, this.#lines.join(""));
    this.files.push(path);
    this.#lines = [];
  }
}
