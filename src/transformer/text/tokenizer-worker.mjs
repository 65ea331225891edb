/**
 * The thread that a tokenizer with unknown patterns runs in, so that a text on which one backtracks for ever can be given
 * up. Its caller sleeps until it is told that there is an answer.
 *
 * Plain JavaScript, so that the same file serves the sources under test and the built package.
 */
import { workerData } from "node:worker_threads";
import { openEncoder } from "./tokenizer-library.mjs";

/**
 * @typedef {import("node:worker_threads").MessagePort} MessagePort
 * @typedef {{ readonly port: MessagePort, readonly answered: Int32Array, readonly json: object, readonly config: object }} Start
 * @typedef {{ readonly method: "encode" | "decode" | "tokenId", readonly args: readonly unknown[] }} Request
 * @typedef {{ readonly value: unknown } | { readonly error: string }} Answer
 */

/** @param {unknown} data */
const asStart = (data) => /** @type {Start} */ (data);
const { port, answered, json, config } = asStart(workerData);

/** @param {() => unknown} work */
function answer(work) {
  /** @type {Answer} */
  let result;
  try {
    result = { value: work() };
  } catch (error) {
    result = { error: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(result);
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
}

/** @type {Partial<Readonly<Record<string, (...args: any[]) => unknown>>>} */
let encoder = {};
answer(() => {
  encoder = openEncoder(json, config);
});
port.on("message", (/** @type {Request} */ { method, args }) => answer(() => encoder[method]?.(...args)));
