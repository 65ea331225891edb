import { DeviceHandlers } from "./device-handlers.mjs";
import type { DataType } from "./graph.js";
import { ARRAYS, ResidentBuffer, type Requests } from "./resident-buffer.js";
import { SessionHandlers } from "./session-handlers.mjs";
import type { Session } from "./session.js";
import { boundSizes, shapesOf, type Shaped } from "./sizes.js";
import { sentFeed, sentStore } from "./tensor.js";

/** A constant of a stored graph: where its values lie in the file of all constants. */
export interface StoredConstant {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
  /** Whether it is an input of the graph: a device has it once for all graphs. */
  readonly fed: boolean;
  /** In bytes, from the file's beginning. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A graph that was encoded elsewhere: `storeGraphs` makes it. */
export interface StoredGraph {
  /** What is fed beside constants. */
  readonly inputs: readonly Shaped[];
  readonly outputs: readonly Shaped[];
  readonly constants: readonly StoredConstant[];
}

/** What is needed of ONNX Runtime, in its form for browsers. */
export type WebRuntime = ConstructorParameters<typeof SessionHandlers>[0];

/** Lets whoever draws the page have a turn: a run leaves none, however many follow each other. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/**
 * Runs stored graphs where there is no Node: the page's own thread does what an engine's worker does, with ONNX Runtime for browsers
 * (WebAssembly, one thread; or WebGPU). Nothing is checked that whoever stored the graphs has seen to.
 */
export class WebEngine implements Requests {
  readonly hasEnded = false;
  readonly keepsBuffers: boolean;
  private readonly handlers: SessionHandlers;
  private last: Promise<unknown> = Promise.resolve();
  private nextId = 0;
  /** Constants that are there, by their place in the file. */
  private readonly constants = new Map<number, Promise<number>>();

  /**
   * @param file of all constants.
   * @param helpers the small graphs that keep buffers on a GPU (`deviceModels`), by name. Absent: WebAssembly computes.
   */
  constructor(
    runtime: WebRuntime,
    private readonly file: ArrayBuffer,
    helpers?: Readonly<Record<string, Uint8Array>>,
  ) {
    this.keepsBuffers = helpers !== undefined;
    this.handlers = helpers ? new DeviceHandlers(runtime, "webgpu") : new SessionHandlers(runtime);
    // It cannot fail.
    if (helpers) void this.request("helpers", { models: helpers });
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

  /** The graphs for it were given. */
  prepareStores(): Promise<void> {
    return Promise.resolve();
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
    const constants = await Promise.all(
      graph.constants.map(async (constant) => ({ ...constant, buffer: await this.constant(constant) })),
    );
    const [external, fed] = [constants.filter((each) => !each.fed), constants.filter((each) => each.fed)];
    const providers = [this.keepsBuffers ? "webgpu" : "wasm"];
    const settings = { unfolded: false, packs: true, providers, threads: 1 };
    await this.request("create", { session, model, external, fed, ...settings });
    const run: Session["run"] = (feeds, { fetch, stores = [] } = {}) => {
      const stored = new Set(stores.map(({ output }) => output));
      return this.request("run", {
        session,
        feeds: Object.fromEntries(graph.inputs.map(({ name }) => [name, sentFeed(feeds[name]!)])),
        fetches: fetch ?? graph.outputs.map(({ name }) => name).filter((name) => !stored.has(name)),
        stores: stores.map(sentStore),
        ...(this.keepsBuffers && {
          shapes: shapesOf(
            graph.outputs.filter(({ name }) => stored.has(name)),
            boundSizes(graph.inputs, feeds),
          ),
        }),
      });
    };
    return { run };
  }

  private constant({ type, offset, byteLength }: StoredConstant): Promise<number> {
    const known = this.constants.get(offset);
    if (known) return known;
    const made = (async () => {
      const id = this.nextId++;
      const values = ARRAYS[type];
      const data = new values(this.file, offset, byteLength / values.BYTES_PER_ELEMENT);
      await this.request("adopt", { buffer: id, data });
      return id;
    })();
    this.constants.set(offset, made);
    return made;
  }
}
