import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { GraphError } from "../core/errors.js";
import { deviceFault, deviceNamed, requireComputed, type Device, type DeviceName } from "./device.js";
import { deviceModels, scatterModel, scatterName } from "./device-models.js";
import { EXTERNAL_LIMIT, encode, type MemoryInitializer } from "./encode.js";
import type { DataType, Graph, InitializerData } from "./graph.js";
import { lower } from "./lower.js";
import { ResidentBuffer, type Requests } from "./resident-buffer.js";
import { Session } from "./session.js";

export interface EngineOptions {
  /** Threads of one operator. Default: the machine's cores. */
  readonly threads?: number;
  /** What computes. Default `cpu`. */
  readonly device?: DeviceName;
}

export interface SessionOptions {
  /**
   * What becomes of constants of 64 KiB and more, on the CPU; a device with memory of its own has one copy of each there. `packed`: ONNX Runtime lays them out for its products, which makes
   * these faster, above all with few rows; each product that uses a constant holds a copy of its own. `shared`: all
   * sessions of the engine use one copy; those that lie in files stay as they are mapped. Default `packed`.
   */
  readonly constants?: "packed" | "shared";
  /** Constants of more bytes than this are shared in any case. Default, and at most: the 2 GiB that ONNX Runtime takes. */
  readonly packUpTo?: number;
  /**
   * Whether ONNX Runtime is told the inputs' shapes, by which it plans what shares memory. Of a graph of two thousand nodes planning takes
   * most of the time that compiling does; what is not planned takes somewhat more memory. Default true.
   */
  readonly planned?: boolean;
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
  /** Large constants in the worker, by their data, with the number of sessions that are made of them or use them. */
  private readonly constants = new Map<InitializerData, { buffer: Promise<ResidentBuffer>; users: number }>();
  /** Of how many buffers the graphs are known that write to several at once, on a device. */
  private readonly scatters = new Set<number>();
  private nextId = 0;
  /** Why no request can be answered any more. */
  private ended: GraphError | undefined;
  private closed = false;
  private readonly exited: Promise<void>;
  readonly threads: number;
  readonly device: Device;

  /** @throws UsageError for a device that there is not. */
  constructor({ threads, device = "cpu" }: EngineOptions = {}) {
    this.threads = threads ?? availableParallelism();
    this.device = deviceNamed(device);
    const { ownMemory, provider } = this.device;
    this.worker = new Worker(new URL("./session-worker.mjs", import.meta.url), {
      argv: ownMemory ? [provider] : [],
    });
    this.worker.on("message", ({ id, value, error }: { id: number; value: unknown; error?: string }) => {
      const waiting = this.pending.get(id);
      this.pending.delete(id);
      if (this.pending.size === 0) this.worker.unref();
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(deviceFault(this.device, error) ?? new GraphError(`ONNX Runtime: ${error}`));
    });
    this.worker.on("error", (error) =>
      this.end(new GraphError(`The compute thread stopped: ${error.message}`, { cause: error })),
    );
    this.exited = new Promise((resolve) => {
      this.worker.on("exit", () => {
        this.end(new GraphError("The compute thread has ended."));
        resolve();
      });
    });
    // While nothing is asked of it, it must not keep the process; listening to it makes it do so, so this comes last.
    this.worker.unref();
    // Where this fails, so does what is asked for next.
    if (ownMemory) this.request("helpers", { models: deviceModels() }).catch(() => undefined);
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

  /** @internal */
  get keepsBuffers(): boolean {
    return this.device.ownMemory;
  }

  /**
   * Whether a product of one row reads the other factor as it lies: ONNX Runtime has kernels for that on x86-64. Elsewhere it packs the factor
   * first, as for more rows.
   */
  get readsInPlace(): boolean {
    return !this.keepsBuffers && process.arch === "x64";
  }

  /** @internal */
  async prepareStores(count: number): Promise<void> {
    if (count < 2 || this.scatters.has(count)) return;
    this.scatters.add(count);
    await this.request("helpers", { models: { [scatterName(count)]: scatterModel(count) } });
  }

  /**
   * Bytes of tensors that went to the device and came from it so far, constants left out, and those of the largest of them. Nothing crosses on
   * the CPU.
   */
  async crossed(): Promise<{ readonly up: number; readonly down: number; readonly largest: number }> {
    return this.device.ownMemory ? this.request("crossed", {}) : { up: 0, down: 0, largest: 0 };
  }

  private freshId(): number {
    return this.nextId++;
  }

  /**
   * Compiles a graph. The graph's data is copied to the worker; the graph itself can be dropped afterwards. An array
   * that is a large constant of several graphs is copied once; it must not change while a session shares it.
   * @throws DeviceError where the device would leave a part of it to the CPU.
   */
  async session(
    graph: Graph,
    { constants = "packed", packUpTo = EXTERNAL_LIMIT, planned = true }: SessionOptions = {},
  ): Promise<Session> {
    const limit = constants === "packed" && !this.device.ownMemory ? Math.min(packUpTo, EXTERNAL_LIMIT) : 0;
    const lowered = lower(graph, this.device);
    if (this.device.ownMemory) {
      // The operators that are tried on each device; a graph of the CPU need not load them.
      const { KERNELS } = await import("./reference/kernels.js");
      requireComputed(lowered, this.device, new Set(Object.keys(KERNELS)));
    }
    // Where a device computes, ONNX Runtime goes by shapes in what it leaves to the CPU.
    const shaped = planned || this.device.ownMemory;
    const { model, external, fed, folder, unfolded } = encode(lowered, limit, shaped);
    const release = async (some: readonly MemoryInitializer[]): Promise<void> => {
      for (const { data } of some) await this.letGo(data);
    };
    const held: MemoryInitializer[] = [];
    const holdAll = async (some: readonly MemoryInitializer[]) => {
      const sent = [];
      // One after the other: a message is a copy too.
      for (const each of some) {
        sent.push(await this.hold(each));
        held.push(each);
      }
      return sent;
    };
    try {
      const session = this.freshId();
      await this.request("create", {
        session,
        model,
        external: await holdAll(external),
        fed: await holdAll(fed),
        folder,
        unfolded,
        packs: constants === "packed" || folder === undefined,
        threads: this.threads,
        providers: [this.device.provider],
      });
      await release(external);
      return new Session(this, session, graph, () => release(fed));
    } catch (error) {
      await release(held);
      throw error;
    }
  }

  /** A large constant in the worker, for one more user. */
  private async hold({ value, data }: MemoryInitializer) {
    const known = this.constants.get(data);
    const entry = known ?? { buffer: this.adopt(value.type, data), users: 0 };
    entry.users++;
    if (!known) this.constants.set(data, entry);
    const { id } = await entry.buffer;
    return { name: value.name, type: value.type, dims: value.shape, buffer: id };
  }

  private async letGo(data: InitializerData): Promise<void> {
    const entry = this.constants.get(data);
    if (!entry || --entry.users > 0) return;
    this.constants.delete(data);
    await (await entry.buffer).free();
  }

  /** A buffer with the given content. */
  private async adopt(type: DataType, data: InitializerData): Promise<ResidentBuffer> {
    const id = this.freshId();
    // A copy that is handed over: posted, the array would be copied twice, into the message and out of it.
    const copy = data.slice();
    await this.request("adopt", { buffer: id, data: copy }, [copy.buffer]);
    return new ResidentBuffer(this, id, type, data.length);
  }

  /** A zeroed buffer of `length` elements that stays in the worker, on a device in its memory. */
  async buffer(type: DataType, length: number): Promise<ResidentBuffer> {
    const id = this.freshId();
    await this.request("allocate", { buffer: id, type, length });
    return new ResidentBuffer(this, id, type, length);
  }

  /**
   * Ends the thread and frees everything in it. What is asked for and not answered rejects at once, as calls after it do; a second
   * call does nothing. The thread ends by itself between two requests: one that is ended while ONNX Runtime is at work in it,
   * or is being loaded, can take the whole process with it.
   */
  async dispose(): Promise<void> {
    this.end(new GraphError("The engine was disposed; make a new one."));
    if (!this.closed) {
      this.closed = true;
      this.worker.ref();
      this.worker.postMessage({ kind: "close" });
    }
    await this.exited;
  }
}
