/**
 * Buffers in a device's memory: tensors there, and small graphs (`device-models.ts`) that do with them what is done with arrays elsewhere. What
 * crosses is counted. Plain JavaScript, as the worker is.
 */

/**
 * @typedef {import("./session-handlers.mjs").Data} Data
 * @typedef {import("./session-handlers.mjs").DataType} DataType
 * @typedef {import("onnxruntime-node").Tensor} Tensor
 * @typedef {import("onnxruntime-node").InferenceSession} Compiled
 *
 * A resident buffer. Its tensor is made when it is first needed: zeros until then. `dims` are those that it was last seen in.
 * @typedef {{ type: DataType, length: number, dims: readonly number[], tensor: Tensor | undefined }} Held
 *
 * Rows that are copied into a buffer: from where, in elements (absent: one behind the other), to where (< 0: not at all), and how long.
 * @typedef {{ readonly from?: Int32Array, readonly to: Int32Array, readonly length: number }} Rows
 *
 * Where rows of a tensor go.
 * @typedef {{ readonly from: Tensor, readonly to: Held }} Pair
 */

/** @param {readonly number[]} dims */
const sizeOf = (dims) => dims.reduce((product, dim) => product * dim, 1);

/** @param {readonly number[]} a @param {readonly number[]} b */
export const sameDims = (a, b) => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** @param {number} a @param {number} b @returns {number} */
const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));

/** Whole numbers in [−2³¹, 2³¹) as int64, without a BigInt for each. @param {ArrayLike<number>} values */
function wide(values) {
  const halves = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const value = /** @type {number} */ (values[i]);
    halves[2 * i] = value;
    if (value < 0) halves[2 * i + 1] = -1;
  }
  return new BigInt64Array(halves.buffer);
}

export class DeviceBuffers {
  /** The small graphs, by name: as they came, and compiled. @type {Map<string, Uint8Array>} */
  models = new Map();
  /** @type {Map<string, Promise<Compiled>>} */
  compiled = new Map();
  /** Bytes that went to the device and came from it, constants left out, and those of the largest tensor of these. */
  traffic = { up: 0, down: 0, largest: 0 };

  /** @param {ConstructorParameters<typeof import("./session-handlers.mjs").SessionHandlers>[0]} ort @param {string} provider */
  constructor(ort, provider) {
    this.ort = ort;
    this.provider = provider;
  }

  /** @param {"up" | "down"} way @param {number} bytes */
  count(way, bytes) {
    this.traffic[way] += bytes;
    this.traffic.largest = Math.max(this.traffic.largest, bytes);
  }

  /** A tensor in memory that is fed, and crosses. @param {DataType} type @param {Data} data @param {readonly number[]} dims */
  sent(type, data, dims) {
    this.count("up", data.byteLength);
    return new this.ort.Tensor(/** @type {"float32"} */ (type), /** @type {Float32Array} */ (data), dims);
  }

  /** @param {ArrayLike<number>} values @param {readonly number[]} [dims] */
  integers(values, dims = [values.length]) {
    const data = wide(values);
    this.count("up", data.byteLength);
    return new this.ort.Tensor("int64", data, dims);
  }

  /** Runs a small graph. @param {string} name @param {Record<string, Tensor>} feeds @param {Record<string, Tensor>} [outputs] */
  async help(name, feeds, outputs) {
    // What stays on the device is made there, or written to what is given.
    const suffix = outputs ? " given" : "";
    let compiled = this.compiled.get(name + suffix);
    if (!compiled) {
      const model = this.models.get(name);
      if (!model) throw new Error(`there is no graph ${name} for buffers`);
      compiled = this.ort.InferenceSession.create(model, {
        executionProviders: [this.provider],
        enableMemPattern: false,
        logSeverityLevel: 4,
        ...(outputs || name.startsWith("part") ? {} : { preferredOutputLocation: "gpu-buffer" }),
      });
      this.compiled.set(name + suffix, compiled);
    }
    const session = await compiled;
    if (outputs === undefined) return session.run(feeds);
    const results = await session.run(feeds, outputs);
    // Other handles on what was given; ONNX Runtime for browsers returns what was given itself.
    for (const [of, result] of Object.entries(results)) if (result !== outputs[of]) result.dispose();
    return outputs;
  }

  /** A tensor of zeros on the device. @param {DataType} type @param {readonly number[]} dims @returns {Promise<Tensor>} */
  async zeros(type, dims) {
    const { y } = await this.help(`zeros.${type}`, { shape: this.integers(dims) });
    return /** @type {Tensor} */ (y);
  }

  /** @param {Tensor} x @param {readonly number[]} dims @returns {Promise<Tensor>} */
  async placed(x, dims) {
    const { y } = await this.help(`place.${x.type}`, { x, shape: this.integers(dims) });
    return /** @type {Tensor} */ (y);
  }

  /** A buffer's tensor in the given dimensions. @param {Held} held @param {readonly number[]} dims @returns {Promise<Tensor>} */
  async tensorIn(held, dims) {
    const old = held.tensor;
    if (old && sameDims(held.dims, dims)) return old;
    held.tensor = old ? await this.placed(old, dims) : await this.zeros(held.type, dims);
    held.dims = dims;
    old?.dispose();
    return held.tensor;
  }

  /** Overwrites elements from `offset` on. @param {Held} held @param {Data} data @param {number} offset */
  async write(held, data, offset) {
    if (data.length === held.length) {
      const old = held.tensor;
      held.tensor = await this.placed(this.sent(held.type, data, held.dims), held.dims);
      old?.dispose();
    } else if (data.length > 0) {
      const rows = { to: Int32Array.of(offset), length: data.length };
      await this.scatter([{ from: this.sent(held.type, data, [data.length]), to: held }], rows);
    }
  }

  /** A copy of the elements in [start, end). @param {Held} held @param {number} start @param {number} end */
  async read(held, start, end) {
    const x = await this.tensorIn(held, held.dims);
    const [shape, from, to] = [-1, start, end].map((value) => this.integers([value]));
    const feeds = /** @type {Record<string, Tensor>} */ ({ x, shape, start: from, end: to });
    return this.received(/** @type {Tensor} */ ((await this.help(`part.${held.type}`, feeds))["y"]));
  }

  /** The values of a tensor in memory that a run has returned. @param {Tensor} tensor */
  received({ data }) {
    const values = /** @type {Data} */ (data);
    this.count("down", values.byteLength);
    return values;
  }

  /** A buffer as a tensor. @param {Held} held @param {readonly number[]} dims */
  fed(held, dims) {
    if (sizeOf(dims) === held.length) return this.tensorIn(held, dims);
    throw new Error(
      `of a buffer of ${held.length} elements on a device no part of ${sizeOf(dims)} can be fed`,
    );
  }

  /** Copies rows from one buffer to another. @param {Held} source @param {Held} target @param {Rows} rows */
  async copy(source, target, rows) {
    const from = await this.tensorIn(source, source.dims);
    await this.scatter([{ from, to: target }], rows);
  }

  /**
   * Copies rows into buffers of one shape, in place.
   * @param {readonly Pair[]} pairs whose tensors `from` are of one shape too. @param {Rows} rows
   */
  async scatter(pairs, rows) {
    const [first] = pairs;
    if (!first) return;
    const { dims, width, taken, indices } = placesOf(first, rows);
    if (taken.length === 0) return;
    const common = {
      width: this.integers([-1, width]),
      rows: this.integers(taken),
      indices: this.integers(indices, [taken.length, indices.length / taken.length]),
    };
    for (let done = 0; done < pairs.length;) {
      const count = this.largestScatter(first.to.type, pairs.length - done);
      /** @type {Record<string, Tensor>} */
      const feeds = { ...common };
      /** @type {Record<string, Tensor>} */
      const outputs = {};
      for (const [i, { from, to }] of pairs.slice(done, done + count).entries()) {
        feeds[`from.${i}`] = from;
        feeds[`to.${i}`] = outputs[`written.${i}`] = await this.tensorIn(to, dims);
      }
      await this.help(`scatter.${first.to.type}.${count}`, feeds, outputs);
      done += count;
    }
  }

  /** Of the graphs that there are, the one that writes the most buffers, of these many. @param {DataType} type @param {number} most */
  largestScatter(type, most) {
    let best = 1;
    for (const name of this.models.keys()) {
      const count = name.startsWith(`scatter.${type}.`) ? Number(name.split(".")[2]) : 0;
      if (count <= most) best = Math.max(best, count);
    }
    return best;
  }

  /** Gives the small graphs back. */
  async close() {
    for (const compiled of this.compiled.values()) {
      try {
        await (await compiled).release();
      } catch {
        // It ends with the thread.
      }
    }
  }
}

/**
 * Rows as the slices of a buffer that they are written to: `dims`, how the buffer is seen, `indices` of the slices of its first axes, each of `width`
 * elements, and which of the source's slices of that width are `taken`.
 * @param {Pair} pair @param {Rows} rows
 */
function placesOf({ from: source, to: target }, { from, to, length }) {
  const sources = sizeOf(source.dims);
  checkRows({ sources, targets: target.length }, { ...(from && { from }), to, length });
  const starts = [...to.keys()].filter((i) => /** @type {number} */ (to[i]) >= 0);
  const startOf = (/** @type {number} */ i) => (from ? /** @type {number} */ (from[i]) : i * length);
  let unit = gcd(gcd(length, sources), target.length);
  for (const i of starts) unit = gcd(gcd(unit, /** @type {number} */ (to[i])), startOf(i));
  const { dims, kept } = split(target, unit);
  const width = sizeOf(dims.slice(kept));
  /** @type {number[]} */
  const taken = [];
  /** @type {number[]} */
  const indices = [];
  for (const i of starts) {
    const place = /** @type {number} */ (to[i]);
    for (let at = 0; at < length; at += width) {
      taken.push((startOf(i) + at) / width);
      pushIndex(indices, (place + at) / width, dims, kept);
    }
  }
  return { dims, width, taken, indices };
}

/** @param {{ readonly sources: number, readonly targets: number }} sizes in elements @param {Rows} rows */
function checkRows({ sources, targets }, { from, to, length }) {
  for (let i = 0; i < to.length; i++) {
    const start = from ? /** @type {number} */ (from[i]) : i * length;
    const place = /** @type {number} */ (to[i]);
    if (place < 0 || (start >= 0 && start + length <= sources && place + length <= targets)) continue;
    throw new RangeError(
      `row ${i} (${length} elements from ${start} to ${place}) is not within ${sources} and ${targets}`,
    );
  }
}

/**
 * How a buffer is seen when rows are written that begin at multiples of `unit`: by its own dimensions, of which as many as possible from
 * the end are within a row; as rows of `unit` where that does not go, and where it has no dimensions yet.
 * @param {Held} held @param {number} unit
 */
function split({ dims, length, tensor }, unit) {
  let kept = tensor ? dims.length : 0;
  for (let width = 1; kept > 1; kept--) {
    width *= /** @type {number} */ (dims[kept - 1]);
    if (unit % width !== 0) break;
  }
  return tensor && kept < dims.length ? { dims, kept } : { dims: [length / unit, unit], kept: 1 };
}

/** Adds the indices of the n-th slice of the first `kept` axes. @param {number[]} indices @param {number} n @param {readonly number[]} dims @param {number} kept */
function pushIndex(indices, n, dims, kept) {
  const start = indices.length;
  for (let axis = kept - 1, left = n; axis >= 0; axis--) {
    const dim = /** @type {number} */ (dims[axis]);
    indices[start + axis] = left % dim;
    left = Math.floor(left / dim);
  }
}
