import { Worker } from "node:worker_threads";

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

/** The most that the heap of another thread of this process held, over what was alive in it: garbage that grows old is most of what it makes. */
export function growthInThread(): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(PROGRAM, { eval: true });
    worker.on("message", resolve);
    worker.on("error", reject);
  });
}
