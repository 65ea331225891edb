import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { collectEarly } from "./heap.js";

/** Holds 64 MB, and replaces them piece by piece, so that what is replaced is old. Says the most that its heap held, over what is alive. */
const PROGRAM = `
  const { parentPort } = require("node:worker_threads");
  const { getHeapStatistics } = require("node:v8");
  const [pieces, numbers, turns] = [8000, 1000, 60000];
  const piece = (at) => new Array(numbers).fill(at + 0.5);
  const held = Array.from({ length: pieces }, (_, at) => piece(at));
  let most = 0;
  for (let at = 0; at < turns; at++) {
    held[(at * 7919) % pieces] = piece(at);
    if (at > turns / 4 && at % 100 === 0) most = Math.max(most, getHeapStatistics().used_heap_size);
  }
  parentPort.postMessage(most / (8 * pieces * numbers));
`;

function growthInThread(): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(PROGRAM, { eval: true });
    worker.on("message", resolve);
    worker.on("error", reject);
  });
}

describe("collectEarly", () => {
  it("holds the garbage of every thread's heap to a fifth of what is alive, until the last who asked has ended", async () => {
    const before = await growthInThread();
    const [first, second] = [collectEarly(), collectEarly()];
    const early = await growthInThread();
    first();
    first();
    const still = await growthInThread();
    second();
    const after = await growthInThread();
    // Young objects, and what is allocated while a heap is collected, come on top: that much of 64 MB where processors are busy.
    for (const growth of [early, still]) expect(growth).toBeLessThan(2.5);
    for (const growth of [before, after]) expect(growth).toBeGreaterThan(3);
  }, 60_000);
});
