/**
 * `SessionHandlers` for a device with memory of its own: resident buffers are tensors there, and no run brings them back.
 *
 * A run is given tensors to write its stored outputs to. ONNX Runtime takes these as they are, so that a ScatterND whose output is its own
 * input writes in place; with `preferredOutputLocation` it would make others (seen with onnxruntime-node 1.30).
 */
import { DeviceBuffers, sameDims } from "./device-buffers.mjs";
import { SessionHandlers } from "./session-handlers.mjs";

/**
 * @typedef {import("./session-handlers.mjs").Answer} Answer
 * @typedef {import("./session-handlers.mjs").Data} Data
 * @typedef {import("./session-handlers.mjs").DataType} DataType
 * @typedef {import("./device-buffers.mjs").Held} Held
 * @typedef {import("./device-buffers.mjs").Pair} Pair
 * @typedef {import("./device-buffers.mjs").Rows} Rows
 * @typedef {import("onnxruntime-node").Tensor} Tensor
 *
 * @typedef {import("./session-handlers.mjs").Run & { readonly shapes?: Readonly<Record<string, readonly number[]>> }} DeviceRun with the
 *   dimensions that stored outputs will have
 *
 * Where a run writes what is stored (null: what is returned, and so in memory); tensors that then are whole buffers; rows that are copied after it.
 * @typedef {{
 *   readonly outputs: Record<string, Tensor | null>,
 *   readonly whole: Map<Held, Tensor>,
 *   readonly byRows: Map<string, { readonly pairs: Pair[], readonly rows: Rows }>,
 * }} Places
 */

/** Types of which buffers are on the device; others are few and small, and stay in memory. @param {DataType} type */
const isHeld = (type) => type === "float32" || /** @type {string} */ (type) === "float16";

export class DeviceHandlers extends SessionHandlers {
  /** @type {Map<number, Held>} */
  held = new Map();
  /** Tensors of one session alone, by their name in it: above all those that outputs are written to which go into buffers row by row. @type {Map<number, Map<string, Tensor>>} */
  scratch = new Map();

  /** @param {ConstructorParameters<typeof SessionHandlers>[0]} ort @param {string} provider */
  constructor(ort, provider) {
    super(ort);
    this.device = new DeviceBuffers(ort, provider);
  }

  /** The small graphs that buffers are worked on with. @param {{ readonly models: Readonly<Record<string, Uint8Array>> }} request @returns {Answer} */
  helpers({ models }) {
    for (const [name, model] of Object.entries(models)) this.device.models.set(name, model);
    return { value: undefined };
  }

  /** @returns {Answer} */
  crossed() {
    return { value: { ...this.device.traffic } };
  }

  /** Constants that are fed are on the device, once for all sessions. @override @param {import("./session-handlers.mjs").Create} request @returns {Promise<Answer>} */
  async create(request) {
    const answer = await super.create({ ...request, fed: request.fed.filter(({ type }) => !isHeld(type)) });
    const { compiled, fed } = /** @type {NonNullable<ReturnType<typeof this.sessions.get>>} */ (
      this.sessions.get(request.session)
    );
    /** @type {Record<string, Tensor>} */
    const tensors = { ...fed };
    for (const constant of request.fed)
      if (isHeld(constant.type)) tensors[constant.name] = await this.constant(request.session, constant);
    this.sessions.set(request.session, { compiled, fed: tensors });
    return answer;
  }

  /** A constant's tensor. @param {number} session @param {import("./session-handlers.mjs").Constant} constant @returns {Promise<Tensor>} */
  async constant(session, { name, type, dims, buffer }) {
    const known = this.held.get(buffer)?.tensor;
    if (known === undefined) {
      const data = /** @type {Float32Array} */ (this.bufferOf(buffer));
      const tensor = await this.device.placed(
        new this.ort.Tensor(/** @type {"float32"} */ (type), data, dims),
        dims,
      );
      this.held.set(buffer, { type, length: data.length, dims, tensor });
      // Its copy in memory has done its work.
      this.buffers.delete(buffer);
      return tensor;
    }
    if (sameDims(known.dims, dims)) return known;
    return this.keptFor(session, name, await this.device.placed(known, dims));
  }

  /** Keeps a tensor until its session is released, in place of what it had by that name. @param {number} session @param {string} name @param {Tensor} tensor */
  keptFor(session, name, tensor) {
    /** @type {Map<string, Tensor>} */
    const own = this.scratch.get(session) ?? new Map();
    this.scratch.set(session, own);
    own.get(name)?.dispose();
    own.set(name, tensor);
    return tensor;
  }

  /** @override @param {import("./session-handlers.mjs").Allocate} request @returns {Answer} */
  allocate({ buffer, type, length }) {
    if (!isHeld(type)) return super.allocate({ buffer, type, length });
    this.held.set(buffer, { type, length, dims: [length], tensor: undefined });
    return { value: undefined };
  }

  /** @override @param {import("./session-handlers.mjs").Free} request @returns {Answer} */
  free({ buffer }) {
    this.held.get(buffer)?.tensor?.dispose();
    this.held.delete(buffer);
    return super.free({ buffer });
  }

  /** @override @param {import("./session-handlers.mjs").Write} request @returns {Answer | Promise<Answer>} */
  write(request) {
    const held = this.held.get(request.buffer);
    if (!held) return super.write(request);
    return this.device.write(held, request.data, request.offset).then(() => ({ value: undefined }));
  }

  /** @override @param {import("./session-handlers.mjs").Read} request @returns {Answer | Promise<Answer>} */
  read(request) {
    const held = this.held.get(request.buffer);
    if (!held) return super.read(request);
    return this.device
      .read(held, request.start, request.end)
      .then((value) => ({ value, transfer: [/** @type {ArrayBuffer} */ (value.buffer)] }));
  }

  /** @override @param {import("./session-handlers.mjs").Copy} request @returns {Answer | Promise<Answer>} */
  copy(request) {
    const [source, target] = [this.held.get(request.buffer), this.held.get(request.target)];
    if (!source || !target) return super.copy(request);
    return this.device.copy(source, target, request).then(() => ({ value: undefined }));
  }

  /** @override @param {DeviceRun} request @returns {Promise<Answer>} */
  async run(request) {
    const { compiled, fed } = this.sessions.get(request.session) ?? {};
    if (!compiled) throw new Error(`there is no session ${request.session}`);
    /** @type {Record<string, Tensor>} */
    const tensors = { ...fed };
    /** @type {Set<Held>} */
    const reads = new Set();
    for (const [name, feed] of Object.entries(request.feeds)) {
      const held = "buffer" in feed ? this.held.get(feed.buffer) : undefined;
      if (held) {
        tensors[name] = await this.device.fed(held, feed.dims);
        reads.add(held);
        continue;
      }
      const data = "data" in feed ? feed.data : this.bufferOf(feed.buffer).subarray(0, feed.length);
      tensors[name] = this.device.sent(feed.type, data, feed.dims);
    }
    const { outputs, whole, byRows } = await this.places(request, reads);
    const results = await compiled.run(tensors, outputs);
    for (const [held, tensor] of whole) {
      held.tensor?.dispose();
      held.tensor = tensor;
      held.dims = tensor.dims;
    }
    for (const { pairs, rows } of byRows.values()) await this.device.scatter(pairs, rows);
    return this.returned(results, outputs);
  }

  /** @param {Readonly<Record<string, Tensor>>} results @param {Places["outputs"]} outputs @returns {Answer} */
  returned(results, outputs) {
    /** @type {Record<string, { type: string | undefined, dims: number[], data: Data }>} */
    const value = {};
    /** @type {ArrayBuffer[]} */
    const transfer = [];
    for (const [name, result] of Object.entries(results)) {
      if (outputs[name]) {
        // Another handle on what was given, if it is not that.
        if (result !== outputs[name]) result.dispose();
        continue;
      }
      const data = this.device.received(result);
      value[name] = { type: result.type, dims: [...result.dims], data };
      transfer.push(/** @type {ArrayBuffer} */ (data.buffer));
    }
    return { value, transfer };
  }

  /**
   * Where a run's outputs go. An output that is a whole buffer is written to its tensor, or to a new one where the run reads the buffer itself; others
   * are written to scratch, and copied from there.
   * @param {DeviceRun} request @param {ReadonlySet<Held>} reads @returns {Promise<Places>}
   */
  async places({ session, fetches, stores, shapes = {} }, reads) {
    /** @type {Places} */
    const { outputs, whole, byRows } = { outputs: {}, whole: new Map(), byRows: new Map() };
    /** Which places are the same, by what holds them. @type {Map<Int32Array, number>} */
    const known = new Map();
    for (const { output, buffer, to, length } of stores) {
      const held = this.held.get(buffer);
      const dims = shapes[output];
      if (!held || !dims) throw new Error(`the output ${output} cannot be stored on a device`);
      if (to.length === 1 && to[0] === 0 && length === held.length && !outputs[output]) {
        const isRead = reads.has(held);
        const tensor = isRead
          ? await this.device.zeros(held.type, dims)
          : await this.device.tensorIn(held, dims);
        outputs[output] = tensor;
        if (isRead) whole.set(held, tensor);
        continue;
      }
      const from = (outputs[output] ??= await this.scratchOf(session, output, { type: held.type, dims }));
      if (!known.has(to)) known.set(to, known.size);
      const key = [
        known.get(to),
        length,
        held.type,
        dims,
        "into",
        held.dims,
        held.tensor !== undefined,
      ].join();
      const group = byRows.get(key) ?? { pairs: [], rows: { to, length } };
      byRows.set(key, group);
      group.pairs.push({ from, to: held });
    }
    for (const name of fetches) {
      if (outputs[name])
        throw new Error(`the output ${name} is stored on a device, and cannot be returned as well`);
      outputs[name] = null;
    }
    return { outputs, whole, byRows };
  }

  /** @param {number} session @param {string} output @param {{ readonly type: DataType, readonly dims: readonly number[] }} of */
  async scratchOf(session, output, { type, dims }) {
    const known = this.scratch.get(session)?.get(output);
    if (known && sameDims(known.dims, dims)) return known;
    return this.keptFor(session, output, await this.device.zeros(type, dims));
  }

  /** @override @param {import("./session-handlers.mjs").Release} request @returns {Promise<Answer>} */
  async release(request) {
    for (const tensor of this.scratch.get(request.session)?.values() ?? []) tensor.dispose();
    this.scratch.delete(request.session);
    return super.release(request);
  }

  /** Gives every session and tensor back. @override */
  async close() {
    for (const own of this.scratch.values()) for (const tensor of own.values()) tensor.dispose();
    for (const { tensor } of this.held.values()) tensor?.dispose();
    await this.device.close();
    return super.close();
  }
}
