/**
 * The process that renders chat templates. A process of its own, because a template is a program that came with somebody's
 * model: `range(1e9)` ends the process that runs it for want of memory (a thread would take its process with it), and
 * nested loops go on for ever. Its memory is bounded by the flags that it is started with, its time by its parent.
 *
 * Plain JavaScript, so that the same file serves the sources under test and the built package.
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";

/**
 * A request without `values` only compiles. An answer is the text, or a reason: the template is `malformed`, it `refused`
 * (threw), it asked for more than the engine allows (`exhausted`), or its text is `tooLong`.
 * @typedef {{ readonly template: string, readonly values?: Readonly<Record<string, unknown>>, readonly maxLength: number }} Request
 * @typedef {{ readonly kind: "text", readonly text: string }
 *   | { readonly kind: "malformed" | "refused" | "exhausted", readonly reason: string }
 *   | { readonly kind: "tooLong" }} Answer
 */

/** Templates that stay compiled; a run has one. */
const KEPT = 8;
/** How long one request may keep this process busy before it ends itself: its parent, which would, is gone then. */
const ORPHANED_AFTER = 5;

async function serve() {
  const { Template } = await import("@huggingface/jinja");
  /** @type {Map<string, InstanceType<typeof Template>>} */
  const compiled = new Map();

  /** @param {string} source */
  function compile(source) {
    const known = compiled.get(source);
    if (known) return known;
    const template = new Template(source);
    for (const oldest of compiled.keys()) if (compiled.size >= KEPT) compiled.delete(oldest);
    compiled.set(source, template);
    return template;
  }

  /** @param {Request} request @returns {Answer} */
  function answer({ template, values, maxLength }) {
    let ready;
    try {
      ready = compile(template);
    } catch (error) {
      return { kind: "malformed", reason: reasonOf(error) };
    }
    if (!values) return { kind: "text", text: "" };
    try {
      const text = ready.render({ ...values });
      return text.length > maxLength ? { kind: "tooLong" } : { kind: "text", text };
    } catch (error) {
      return { kind: error instanceof RangeError ? "exhausted" : "refused", reason: reasonOf(error) };
    }
  }

  const requests = new Int32Array(new SharedArrayBuffer(4));
  let count = 0;
  process.on("message", (/** @type {Request} */ request) => {
    Atomics.store(requests, 0, ++count);
    process.send?.(answer(request));
    Atomics.store(requests, 0, 0);
  });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
  new Worker(new URL(import.meta.url), { workerData: requests }).unref();
}

/** Ends the process when one request has kept it busy for too long. @param {Int32Array} requests 0 while there is none */
function watch(requests) {
  let seen = 0;
  let ticks = 0;
  setInterval(() => {
    const current = Atomics.load(requests, 0);
    ticks = current !== 0 && current === seen ? ticks + 1 : 0;
    seen = current;
    if (ticks >= ORPHANED_AFTER) process.kill(process.pid, "SIGKILL");
  }, 1000);
}

/** @param {unknown} error */
function reasonOf(error) {
  const message = error instanceof Error ? error.message : String(error);
  return message.slice(0, 300);
}

if (isMainThread) await serve();
else if (workerData instanceof Int32Array) watch(workerData);
