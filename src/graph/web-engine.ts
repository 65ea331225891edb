import type { DataType, InitializerData } from "./graph.js";
import { ResidentBuffer, compact, type Requests } from "./resident-buffer.js";
import { SessionHandlers } from "./session-handlers.mjs";
import type { Session } from "./session.js";

/** A constant of a stored graph: where its values lie in the file of all constants. */
export interface StoredConstant {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
  /** In bytes, from the file's beginning. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A graph that was encoded elsewhere: `storeGraphs` makes it. */
export interface StoredGraph {
  /** The names of what is fed. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly constants: readonly StoredConstant[];
}

/** What is needed of ONNX Runtime, in its form for browsers. */
export type WebRuntime = ConstructorParameters<typeof SessionHandlers>[0];

/** Lets whoever draws the page have a turn: a run leaves none, however many follow each other. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/**
 * Runs stored graphs where there is no Node: the page's own thread does what an engine's worker does, with ONNX Runtime for browsers
 * (WebAssembly, one thread). Nothing is checked that whoever stored the graphs has seen to.
 */
export class WebEngine implements Requests {
  readonly hasEnded = false;
  private readonly handlers: SessionHandlers;
  private last: Promise<unknown> = Promise.resolve();
  private nextId = 0;
  /** Constants that are there, by their place in the file. */
  private readonly constants = new Map<number, Promise<number>>();

  /** @param file of all constants. */
  constructor(
    runtime: WebRuntime,
    private readonly file: ArrayBuffer,
  ) {
    this.handlers = new SessionHandlers(runtime);
  }

  /** Answers one request after the other, as a worker does. */
  request<T>(kind: string, message: object): Promise<T> {
    const answered = this.last.then(async () => {
      if (kind === "run") await turn();
      const byKind = this.handlers as unknown as Readonly<Record<string, (request: object) => unknown>>;
      const { value } = (await byKind[kind]!(message)) as { readonly value: T };
      return value;
    });
    this.last = answered.catch(() => undefined);
    return answered;
  }

  /** A zeroed buffer of `length` elements. */
  async buffer(type: DataType, length: number): Promise<ResidentBuffer> {
    const id = this.nextId++;
    await this.request("allocate", { buffer: id, type, length });
    return new ResidentBuffer(this, id, type, length);
  }

  /** Compiles a stored graph. @param model its ONNX file. */
  async session(model: Uint8Array, graph: StoredGraph): Promise<Pick<Session, "run">> {
    const session = this.nextId++;
    const external = await Promise.all(
      graph.constants.map(async (constant) => ({ ...constant, buffer: await this.constant(constant) })),
    );
    const settings = { fed: [], unfolded: false, packs: true, providers: ["wasm"], threads: 1 };
    await this.request("create", { session, model, external, ...settings });
    const run: Session["run"] = (feeds, { fetch, stores = [] } = {}) => {
      const sent = graph.inputs.map((name): readonly [string, object] => {
        const feed = feeds[name]!;
        if (!("buffer" in feed)) return [name, { ...feed, data: compact(feed.data) }];
        const length = feed.dims.reduce((product, dim) => product * dim, 1);
        return [name, { type: feed.buffer.type, dims: feed.dims, buffer: feed.buffer.id, length }];
      });
      const stored = new Set(stores.map(({ output }) => output));
      return this.request("run", {
        session,
        feeds: Object.fromEntries(sent),
        fetches: fetch ?? graph.outputs.filter((name) => !stored.has(name)),
        stores: stores.map(({ buffer, ...store }) => ({ ...store, buffer: buffer.id })),
      });
    };
    return { run };
  }

  private constant({ type, offset, byteLength }: StoredConstant): Promise<number> {
    const known = this.constants.get(offset);
    if (known) return known;
    const made = (async () => {
      const id = this.nextId++;
      await this.request("adopt", { buffer: id, data: this.values(type, offset, byteLength) });
      return id;
    })();
    this.constants.set(offset, made);
    return made;
  }

  private values(type: DataType, offset: number, byteLength: number): InitializerData {
    if (type === "float32") return new Float32Array(this.file, offset, byteLength / 4);
    if (type === "int32") return new Int32Array(this.file, offset, byteLength / 4);
    if (type === "int64") return new BigInt64Array(this.file, offset, byteLength / 8);
    return new Uint8Array(this.file, offset, byteLength);
  }
}
