/**
 * The thread that runs ONNX Runtime, whose `run` blocks the thread that calls it. Plain JavaScript, so that the same file serves the
 * sources under test and the built package.
 */
import { parentPort } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { DeviceHandlers } from "./device-handlers.mjs";
import { SessionHandlers } from "./session-handlers.mjs";

/** Named where buffers are to stay in its memory. */
const provider = process.argv[2];
const handlers = provider === undefined ? new SessionHandlers(ort) : new DeviceHandlers(ort, provider);

/** @typedef {import("./session-handlers.mjs").Answer} Answer */

/** The request's fields are its kind's: `engine.ts` makes them. @param {{ kind: string }} request */
function answer(request) {
  /** @type {Readonly<Record<string, (request: any) => Answer | Promise<Answer>>>} */
  const byKind = /** @type {any} */ (handlers);
  const handler = byKind[request.kind];
  if (!handler) throw new Error(`there is no request of kind ${request.kind}`);
  return handler.call(handlers, request);
}

/** Requests are answered strictly in order: a run that follows a write sees it. */
let queue = Promise.resolve();
/** Whether the thread is to end; what is still in the queue has been given up. */
let closing = false;
parentPort?.on("message", (/** @type {{ id: number, kind: string | "close" }} */ request) => {
  if (request.kind === "close") {
    closing = true;
    queue = queue.then(close);
  } else {
    const asked = /** @type {{ id: number, kind: string }} */ (request);
    queue = queue.then(() => (closing ? undefined : reply(asked)));
  }
});

/** @param {{ id: number, kind: string }} request */
async function reply(request) {
  try {
    const { value, transfer = [] } = await answer(request);
    parentPort?.postMessage({ id: request.id, value }, transfer);
  } catch (error) {
    parentPort?.postMessage({
      id: request.id,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** Frees everything and ends the thread. */
async function close() {
  await handlers.close();
  process.exit();
}
