import type { RaceFrame } from "./frames.js";

/** The token to which a frame belongs; frames of the race's begin and end belong to none. */
function stepOf(frame: RaceFrame): number | undefined {
  if (frame.kind === "token") return frame.i;
  if (frame.kind === "finished") return frame.tokens;
  return frame.kind === "pruned" ? frame.at : undefined;
}

/**
 * The same frames no faster than a token at a time, so that eyes can follow a small model.
 * @param wait resolves once the next token may be shown.
 */
export async function* slowed(
  batches: AsyncIterable<readonly RaceFrame[]>,
  wait: () => Promise<void>,
): AsyncGenerator<readonly RaceFrame[]> {
  let at = 0;
  for await (const batch of batches) {
    let group: RaceFrame[] = [];
    for (const frame of batch) {
      const step = stepOf(frame);
      if (step !== undefined && step > at) {
        yield group;
        group = [];
        await wait();
        at = step;
      }
      group.push(frame);
    }
    if (group.length > 0) yield group;
  }
}
