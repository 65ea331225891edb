import { Worker } from "node:worker_threads";
import { GraphError } from "../core/errors.js";
import { formatShape } from "./dim.js";
import { encode } from "./encode.js";
import type { DataType, Graph, InitializerData } from "./graph.js";

/** A tensor's values, row-major. */
export interface Tensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: InitializerData;
}

/** A resident buffer fed as a tensor: its first elements, in the given dimensions. */
export interface BufferFeed {
  readonly buffer: ResidentBuffer;
  readonly dims: readonly number[];
}

/** After a run, row i of an output (rows of `length` elements) is copied to offset `to[i]` of a buffer; < 0: skipped. */
export interface Store {
  readonly output: string;
  readonly buffer: ResidentBuffer;
  readonly to: Int32Array;
  readonly length: number;
}

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
export class Engine {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private nextId = 0;
  private disposed = false;
  readonly threads: number | undefined;
  private readonly providers: readonly string[];

  constructor({ threads, providers = ["cpu"] }: EngineOptions = {}) {
    this.threads = threads;
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
      this.failAll(new GraphError(`The compute thread stopped: ${error.message}`, { cause: error })),
    );
    this.worker.on("exit", () => this.failAll(new GraphError("The compute thread has ended.")));
  }

  private failAll(error: Error): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }

  /** @internal Sends a request and waits for its answer. */
  request<T>(kind: string, message: object, transfer: readonly ArrayBuffer[] = []): Promise<T> {
    if (this.disposed) return Promise.reject(new GraphError("The engine was disposed; make a new one."));
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker.ref();
      this.worker.postMessage({ id, kind, ...message }, [...transfer]);
    });
  }

  /** @internal */
  freshId(): number {
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
    if (this.disposed) return;
    this.disposed = true;
    await this.worker.terminate();
  }
}

/** A typed array in the engine's worker. */
export class ResidentBuffer {
  constructor(
    private readonly engine: Engine,
    /** @internal */
    readonly id: number,
    readonly type: DataType,
    readonly length: number,
  ) {}

  /** Overwrites elements from `offset` on. */
  write(data: InitializerData, offset = 0): Promise<void> {
    if (offset + data.length > this.length) {
      return Promise.reject(
        new GraphError(
          `A write of ${data.length} elements at ${offset} does not fit a buffer of ${this.length}.`,
        ),
      );
    }
    return this.engine.request("write", { buffer: this.id, data, offset });
  }

  /** A copy of the elements in [start, end). */
  read(start = 0, end = this.length): Promise<InitializerData> {
    return this.engine.request("read", { buffer: this.id, start, end });
  }

  /** Copies rows of `length` elements from offsets `from` here to offsets `to` in `target`. */
  copyTo(target: ResidentBuffer, from: Int32Array, to: Int32Array, length: number): Promise<void> {
    return this.engine.request("copy", { buffer: this.id, target: target.id, from, to, length });
  }

  free(): Promise<void> {
    return this.engine.request("free", { buffer: this.id });
  }
}

/** A compiled graph. */
export class Session {
  private readonly inputs: ReadonlyMap<
    string,
    { readonly type: DataType; readonly shape: Graph["inputs"][number]["shape"] }
  >;
  private readonly outputs: ReadonlySet<string>;

  constructor(
    private readonly engine: Engine,
    private readonly id: number,
    graph: Graph,
  ) {
    const used = new Set(graph.nodes.flatMap((node) => node.inputs.map((input) => input.name)));
    this.inputs = new Map(
      graph.inputs
        .filter(({ name }) => used.has(name))
        .map(({ name, type, shape }) => [name, { type, shape }]),
    );
    this.outputs = new Set(graph.outputs.map(({ name }) => name));
  }

  /**
   * Runs the graph. `fetch` names the outputs to return (default: all that no store takes).
   * @throws GraphError for a missing or misshapen feed, naming it and both shapes.
   */
  async run(
    feeds: Readonly<Record<string, Tensor | BufferFeed>>,
    { fetch, stores = [] }: { readonly fetch?: readonly string[]; readonly stores?: readonly Store[] } = {},
  ): Promise<Record<string, Tensor>> {
    const sent: Record<string, object> = {};
    const sizes = new Map<string, number>();
    for (const [name, { type, shape }] of this.inputs) {
      const feed = feeds[name];
      if (!feed) throw new GraphError(`The input "${name}" (${type}${formatShape(shape)}) is not fed.`);
      checkFeed(name, type, shape, feed, sizes);
      if ("buffer" in feed) {
        const length = feed.dims.reduce((product, dim) => product * dim, 1);
        sent[name] = { buffer: feed.buffer.id, type, dims: feed.dims, length };
      } else sent[name] = feed;
    }
    const stored = new Set(stores.map(({ output }) => output));
    const fetches = fetch ?? [...this.outputs].filter((name) => !stored.has(name));
    const plan = stores.map(({ output, buffer, to, length }) => ({ output, buffer: buffer.id, to, length }));
    return this.engine.request("run", { session: this.id, feeds: sent, fetches, stores: plan });
  }

  async dispose(): Promise<void> {
    await this.engine.request("release", { session: this.id });
  }
}

function checkFeed(
  name: string,
  type: DataType,
  shape: readonly (number | string)[],
  feed: Tensor | BufferFeed,
  sizes: Map<string, number>,
): void {
  const feedType = "buffer" in feed ? feed.buffer.type : feed.type;
  const complain = (): never => {
    throw new GraphError(
      `The input "${name}" is ${type}${formatShape(shape)}; it was fed ${feedType}${formatShape(feed.dims)}.`,
    );
  };
  if (feedType !== type || feed.dims.length !== shape.length) complain();
  shape.forEach((dim, i) => {
    const size = feed.dims[i]!;
    const wanted = typeof dim === "number" ? dim : (sizes.get(dim) ?? size);
    if (typeof dim === "string") sizes.set(dim, wanted);
    if (size !== wanted) complain();
  });
  const count = feed.dims.reduce((product, dim) => product * dim, 1);
  const available = "buffer" in feed ? feed.buffer.length : feed.data.length;
  if ("buffer" in feed ? available < count : available !== count) {
    throw new GraphError(
      `The input "${name}" of shape ${formatShape(feed.dims)} needs ${count} values; it was fed ${available}.`,
    );
  }
}
