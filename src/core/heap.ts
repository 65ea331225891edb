import { setFlagsFromString } from "node:v8";

/** By how much of what is alive a heap may grow before it is collected, in percent. Left to itself V8 takes up to three times as much. */
const GROWTH = 20;

let holders = 0;

/**
 * Has the heaps of this process, those of its threads too, collected once they have grown by `GROWTH` percent: for work that leaves much garbage
 * beside much that is alive, at the price of more collecting. It is no limit: what is alive may take any room.
 * @returns what ends it; where several have asked, it ends with the last. Ending twice is harmless.
 */
export function collectEarly(): () => void {
  if (holders++ === 0) setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    if (--holders === 0) setFlagsFromString("--heap-growing-percent=0");
  };
}
