/**
 * What is asked of the one who runs ONNX Runtime, and how it is answered: by the worker of an engine, and by a page in a browser. It owns
 * the sessions and the resident buffers; everything else stays with the caller. Plain JavaScript, as the worker is.
 */

/**
 * @typedef {"float32" | "float16" | "int32" | "int64" | "bool" | "uint8" | "int8"} DataType
 * @typedef {Float32Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | Uint16Array} Data
 * @typedef {{ readonly type: DataType, readonly dims: readonly number[], readonly data: Data }} Tensor
 * @typedef {{ readonly type: DataType, readonly dims: readonly number[], readonly buffer: number, readonly length: number }} BufferFeed
 * @typedef {{ readonly output: string, readonly buffer: number, readonly to: Int32Array, readonly length: number }} Store
 *
 * @typedef {{ readonly name: string, readonly type: DataType, readonly dims: readonly number[], readonly buffer: number }} Constant
 * @typedef {{
 *   readonly session: number,
 *   readonly model: Uint8Array,
 *   readonly external: readonly Constant[],
 *   readonly fed: readonly Constant[],
 *   readonly folder: string | undefined,
 *   readonly unfolded: boolean,
 *   readonly packs: boolean,
 *   readonly threads: number | undefined,
 *   readonly providers: readonly string[],
 * }} Create
 * @typedef {{ readonly buffer: number, readonly type: DataType, readonly length: number }} Allocate
 * @typedef {{ readonly buffer: number, readonly data: Data }} Adopt
 * @typedef {{ readonly buffer: number }} Free
 * @typedef {{ readonly buffer: number, readonly data: Data, readonly offset: number }} Write
 * @typedef {{ readonly buffer: number, readonly start: number, readonly end: number }} Read
 * @typedef {{ readonly buffer: number, readonly target: number, readonly from: Int32Array, readonly to: Int32Array, readonly length: number }} Copy
 * @typedef {{
 *   readonly session: number,
 *   readonly feeds: Readonly<Record<string, Tensor | BufferFeed>>,
 *   readonly fetches: readonly string[],
 *   readonly stores: readonly Store[],
 * }} Run
 * @typedef {{ readonly session: number }} Release
 *
 * @typedef {{ readonly value: unknown, readonly transfer?: readonly ArrayBuffer[] }} Answer
 */

/** ONNX Runtime, for Node or for browsers. @typedef {Pick<typeof import("onnxruntime-node"), "InferenceSession" | "Tensor">} Runtime */

/** @type {Readonly<Record<DataType, (length: number) => Data>>} */
const allocate = {
  float32: (length) => new Float32Array(length),
  float16: (length) => new Uint16Array(length),
  int32: (length) => new Int32Array(length),
  int64: (length) => new BigInt64Array(length),
  bool: (length) => new Uint8Array(length),
  uint8: (length) => new Uint8Array(length),
  int8: (length) => new Int8Array(length),
};

/** @param {Data} data */
const bytesOf = (data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The answers to every kind of request, by the kind's name; the caller sees that the fields are the kind's. */
export class SessionHandlers {
  /** @type {Map<number, { readonly compiled: import("onnxruntime-node").InferenceSession, readonly fed: Readonly<Record<string, import("onnxruntime-node").Tensor>> }>} */
  sessions = new Map();
  /** @type {Map<number, Data>} */
  buffers = new Map();

  /** @param {Runtime} ort */
  constructor(ort) {
    this.ort = ort;
  }

  /** @param {number} id */
  bufferOf(id) {
    const buffer = this.buffers.get(id);
    if (!buffer) throw new Error(`there is no buffer ${id}`);
    return buffer;
  }

  /** @param {Create} request @returns {Promise<Answer>} */
  async create({ session, model, external, fed, folder, unfolded, packs, threads, providers }) {
    const compiled = await this.ort.InferenceSession.create(model, {
      executionProviders: [...providers],
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      // A pattern is one block of memory beside the arena's own, for each set of shapes.
      enableMemPattern: false,
      // Its errors are thrown to the caller; it would print them to stderr as well.
      logSeverityLevel: 4,
      extra: {
        // Where constants lie that are in files.
        session: {
          ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
          ...(packs ? {} : { disable_prepacking: "1" }),
        },
        optimization: unfolded ? { disable_specified_optimizers: "ConstantFolding" } : {},
      },
      externalData: external.map(({ name, buffer }) => ({
        path: name,
        data: bytesOf(this.bufferOf(buffer)),
      })),
    });
    const tensors = fed.map(({ name, type, dims, buffer }) => {
      const data = /** @type {Float32Array} */ (this.bufferOf(buffer));
      return /** @type {[string, import("onnxruntime-node").Tensor]} */ ([
        name,
        new this.ort.Tensor(/** @type {"float32"} */ (type), data, dims),
      ]);
    });
    this.sessions.set(session, { compiled, fed: Object.fromEntries(tensors) });
    return { value: undefined };
  }

  /** @param {Allocate} request @returns {Answer} */
  allocate({ buffer, type, length }) {
    this.buffers.set(buffer, allocate[type](length));
    return { value: undefined };
  }

  /** @param {Adopt} request @returns {Answer} */
  adopt({ buffer, data }) {
    this.buffers.set(buffer, data);
    return { value: undefined };
  }

  /** @param {Free} request @returns {Answer} */
  free({ buffer }) {
    this.buffers.delete(buffer);
    return { value: undefined };
  }

  /** @param {Write} request @returns {Answer | Promise<Answer>} */
  write({ buffer, data, offset }) {
    setAt(this.bufferOf(buffer), data, offset);
    return { value: undefined };
  }

  /** @param {Read} request @returns {Answer | Promise<Answer>} */
  read({ buffer, start, end }) {
    const value = this.bufferOf(buffer).slice(start, end);
    return { value, transfer: [/** @type {ArrayBuffer} */ (value.buffer)] };
  }

  /** @param {Copy} request @returns {Answer | Promise<Answer>} */
  copy({ buffer, target, from, to, length }) {
    copyRows(this.bufferOf(buffer), this.bufferOf(target), from, to, length);
    return { value: undefined };
  }

  /** @param {Run} request @returns {Promise<Answer>} */
  async run({ session, feeds, fetches, stores }) {
    const { compiled, fed } = this.sessions.get(session) ?? {};
    if (!compiled) throw new Error(`there is no session ${session}`);
    /** @type {Record<string, import("onnxruntime-node").Tensor>} */
    const tensors = { ...fed };
    for (const [name, feed] of Object.entries(feeds)) {
      const data = "data" in feed ? feed.data : this.bufferOf(feed.buffer).subarray(0, feed.length);
      tensors[name] = new this.ort.Tensor(feed.type, data, feed.dims);
    }
    const wanted = [...new Set([...fetches, ...stores.map((store) => store.output)])];
    const results = await compiled.run(tensors, wanted);
    for (const { output, buffer, to, length } of stores) {
      copyRows(dataOf(results, output), this.bufferOf(buffer), undefined, to, length);
    }
    /** @type {Record<string, { type: string | undefined, dims: number[], data: Data }>} */
    const value = {};
    /** @type {ArrayBuffer[]} */
    const transfer = [];
    for (const name of fetches) {
      const data = dataOf(results, name);
      value[name] = { type: results[name]?.type, dims: [...(results[name]?.dims ?? [])], data };
      transfer.push(/** @type {ArrayBuffer} */ (data.buffer));
    }
    return { value, transfer };
  }

  /** @param {Release} request @returns {Promise<Answer>} */
  async release({ session }) {
    await this.sessions.get(session)?.compiled.release();
    this.sessions.delete(session);
    return { value: undefined };
  }

  /** Gives every session back; nothing native is at work then. */
  async close() {
    for (const { compiled } of this.sessions.values()) {
      try {
        await compiled.release();
      } catch {
        // It ends with the thread.
      }
    }
    return { value: undefined };
  }
}

/** @param {import("onnxruntime-node").InferenceSession.ReturnType} results @param {string} name */
function dataOf(results, name) {
  return /** @type {Data} */ (results[name]?.data);
}

/** The caller has made sure that both hold the same type. @param {Data} target @param {Data} source @param {number} place */
function setAt(target, source, place) {
  /** @type {Float32Array} */ (target).set(/** @type {Float32Array} */ (source), place);
}

/** Rows up to this long are copied element by element: a view for each would cost more than the copy (measured). */
const SHORT = 32;

/**
 * Copies rows of `length` elements from offsets `from` (undefined: one behind the other) to offsets `to`; a negative
 * target skips its row. A view past the end would be shortened without a word, so the bounds are checked.
 * @param {Data} source @param {Data} target @param {Int32Array | undefined} from @param {Int32Array} to
 * @param {number} length
 */
function copyRows(source, target, from, to, length) {
  for (let i = 0; i < to.length; i++) {
    const start = from === undefined ? i * length : /** @type {number} */ (from[i]);
    const place = /** @type {number} */ (to[i]);
    if (place < 0) continue;
    if (start < 0 || start + length > source.length || place + length > target.length) {
      throw new RangeError(
        `row ${i} (${length} elements from ${start} to ${place}) is not within ${source.length} and ${target.length}`,
      );
    }
    if (source === target) target.copyWithin(place, start, start + length);
    else if (length > SHORT) setAt(target, source.subarray(start, start + length), place);
    else for (let j = 0; j < length; j++) target[place + j] = /** @type {never} */ (source[start + j]);
  }
}
