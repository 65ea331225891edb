import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { GraphError } from "../core/errors.js";
import { encode } from "./encode.js";
import type { DataType, Graph } from "./graph.js";
import { ResidentBuffer, type Requests } from "./resident-buffer.js";
import { Session } from "./session.js";

export interface EngineOptions {
  /** Threads of one operator. Default: the machine's cores. */
  readonly threads?: number;
  /** ONNX Runtime's execution providers, in order of preference. Default `["cpu"]`. */
  readonly providers?: readonly string[];
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A worker thread that runs graphs with ONNX Runtime. Sessions and resident buffers live in it, so that a large
 * buffer (a key-value cache) is fed to every run without a copy. `dispose()` frees all of it.
 */
export class Engine implements Requests {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private nextId = 0;
  /** Why no request can be answered any more. */
  private ended: GraphError | undefined;
  readonly threads: number;
  private readonly providers: readonly string[];

  constructor({ threads, providers = ["cpu"] }: EngineOptions = {}) {
    this.threads = threads ?? availableParallelism();
    this.providers = providers;
    this.worker = new Worker(new URL("./session-worker.mjs", import.meta.url));
    this.worker.unref();
    this.worker.on("message", ({ id, value, error }: { id: number; value: unknown; error?: string }) => {
      const waiting = this.pending.get(id);
      this.pending.delete(id);
      if (this.pending.size === 0) this.worker.unref();
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new GraphError(`ONNX Runtime: ${error}`));
    });
    this.worker.on("error", (error) =>
      this.end(new GraphError(`The compute thread stopped: ${error.message}`, { cause: error })),
    );
    this.worker.on("exit", () => this.end(new GraphError("The compute thread has ended.")));
  }

  private end(error: GraphError): void {
    this.ended ??= error;
    for (const { reject } of this.pending.values()) reject(this.ended);
    this.pending.clear();
  }

  /** @internal Sends a request and waits for its answer. */
  request<T>(kind: string, message: object, transfer: readonly ArrayBuffer[] = []): Promise<T> {
    if (this.ended) return Promise.reject(this.ended);
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      this.worker.postMessage({ id, kind, ...message }, [...transfer]);
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker.ref();
    });
  }

  /** @internal */
  get hasEnded(): boolean {
    return this.ended !== undefined;
  }

  private freshId(): number {
    return this.nextId++;
  }

  /** Compiles a graph. The graph's data is copied to the worker; the graph itself can be dropped afterwards. */
  async session(graph: Graph, options: { readonly prepack?: boolean } = {}): Promise<Session> {
    const { model, external } = encode(graph);
    const session = this.freshId();
    const settings = options.prepack === false ? { disable_prepacking: "1" } : {};
    await this.request("create", {
      session,
      model,
      external,
      threads: this.threads,
      settings,
      providers: this.providers,
    });
    return new Session(this, session, graph);
  }

  /** A zeroed buffer of `length` elements that stays in the worker. */
  async buffer(type: DataType, length: number): Promise<ResidentBuffer> {
    const id = this.freshId();
    await this.request("allocate", { buffer: id, type, length });
    return new ResidentBuffer(this, id, type, length);
  }

  /** Ends the thread and frees everything in it. Calls after it reject; a second call does nothing. */
  async dispose(): Promise<void> {
    this.end(new GraphError("The engine was disposed; make a new one."));
    await this.worker.terminate();
  }
}
