/**
 * The thread that runs ONNX Runtime, whose `run` blocks the thread that calls it. It owns the sessions and the
 * resident buffers; everything else stays with the caller. Plain JavaScript, so that the same file serves the sources
 * under test and the built package.
 */
import { parentPort } from "node:worker_threads";
import * as ort from "onnxruntime-node";

/** @typedef {{ id: number, kind: string, [key: string]: any }} Request */

/** @type {Map<number, ort.InferenceSession>} */
const sessions = new Map();
/** @type {Map<number, any>} */
const buffers = new Map();

/** @type {Record<string, (length: number) => any>} */
const allocate = {
  float32: (length) => new Float32Array(length),
  int32: (length) => new Int32Array(length),
  int64: (length) => new BigInt64Array(length),
  bool: (length) => new Uint8Array(length),
};

/** @type {Record<string, (request: any) => Promise<{ value: any, transfer?: ArrayBuffer[] }>>} */
const handlers = {
  async create({ session, model, external, threads, settings, providers }) {
    sessions.set(
      session,
      await ort.InferenceSession.create(model, {
        executionProviders: providers,
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: "all",
        // Its errors are thrown to the caller; it would print them to stderr as well.
        logSeverityLevel: 4,
        externalData: external,
        extra: { session: settings },
      }),
    );
    return { value: undefined };
  },

  async allocate({ buffer, type, length }) {
    buffers.set(buffer, allocate[type]?.(length));
    return { value: undefined };
  },

  async free({ buffer }) {
    buffers.delete(buffer);
    return { value: undefined };
  },

  async write({ buffer, data, offset }) {
    buffers.get(buffer).set(data, offset);
    return { value: undefined };
  },

  async read({ buffer, start, end }) {
    const value = buffers.get(buffer).slice(start, end);
    return { value, transfer: [value.buffer] };
  },

  async copy({ buffer, target, from, to, length }) {
    copyRows(buffers.get(buffer), buffers.get(target), from, to, length);
    return { value: undefined };
  },

  async run({ session, feeds, fetches, stores }) {
    /** @type {Record<string, ort.Tensor>} */
    const tensors = {};
    for (const [name, feed] of Object.entries(feeds)) {
      const data = feed.buffer === undefined ? feed.data : buffers.get(feed.buffer).subarray(0, feed.length);
      tensors[name] = new ort.Tensor(feed.type, data, feed.dims);
    }
    const results = await /** @type {ort.InferenceSession} */ (sessions.get(session)).run(tensors, [
      ...new Set([...fetches, ...stores.map((/** @type {any} */ store) => store.output)]),
    ]);
    for (const { output, buffer, to, length } of stores) {
      const source = /** @type {any} */ (results[output]).data;
      const from = Int32Array.from(to, (/** @type {number} */ _, /** @type {number} */ i) => i * length);
      copyRows(source, buffers.get(buffer), from, to, length);
    }
    /** @type {Record<string, any>} */
    const value = {};
    /** @type {ArrayBuffer[]} */
    const transfer = [];
    for (const name of fetches) {
      const { type, dims, data } = /** @type {any} */ (results[name]);
      value[name] = { type, dims: [...dims], data };
      transfer.push(data.buffer);
    }
    return { value, transfer };
  },

  async release({ session }) {
    await sessions.get(session)?.release();
    sessions.delete(session);
    return { value: undefined };
  },
};

/**
 * Copies rows of `length` elements from offsets `from` to offsets `to`; a negative target skips its row.
 * A view past the end would be shortened without a word, so the bounds are checked.
 * @param {any} source @param {any} target @param {Int32Array} from @param {Int32Array} to @param {number} length
 */
function copyRows(source, target, from, to, length) {
  for (let i = 0; i < to.length; i++) {
    const start = /** @type {number} */ (from[i]);
    const place = /** @type {number} */ (to[i]);
    if (place < 0) continue;
    if (start < 0 || start + length > source.length || place + length > target.length) {
      throw new RangeError(
        `row ${i} (${length} elements from ${start} to ${place}) is not within ${source.length} and ${target.length}`,
      );
    }
    target.set(source.subarray(start, start + length), place);
  }
}

/** Requests are answered strictly in order: a run that follows a write sees it. */
let queue = Promise.resolve();
parentPort?.on("message", (/** @type {Request} */ request) => {
  queue = queue.then(async () => {
    try {
      const handler = handlers[request.kind];
      const { value, transfer } = await /** @type {any} */ (handler)(request);
      parentPort?.postMessage({ id: request.id, value }, transfer ?? []);
    } catch (error) {
      parentPort?.postMessage({
        id: request.id,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  });
});
