import type { RaceFrame } from "./frames.js";

/** The candidate and the token to which a frame belongs; frames of the race's begin and end belong to none. */
function stepOf(frame: RaceFrame): { readonly c: number; readonly step: number } | undefined {
  if (frame.kind === "token") return { c: frame.c, step: frame.i };
  if (frame.kind === "finished") return { c: frame.c, step: frame.tokens };
  return frame.kind === "pruned" ? { c: frame.c, step: frame.at } : undefined;
}

/**
 * The same frames no faster than a token at a time, so that eyes can follow a small model. Each candidate goes by its own tokens: one that
 * begins when others are far has its first token then, and its next one a moment later.
 * @param wait resolves once the next token may be shown.
 */
export async function* slowed(
  batches: AsyncIterable<readonly RaceFrame[]>,
  wait: () => Promise<void>,
): AsyncGenerator<readonly RaceFrame[]> {
  let now = 0;
  /** The moment before each candidate's first token. */
  const begins = new Map<number, number>();
  for await (const batch of batches) {
    let group: RaceFrame[] = [];
    for (const frame of batch) {
      const { c, step } = stepOf(frame) ?? { c: -1, step: 0 };
      const begin = begins.get(c) ?? Math.max(0, now - step);
      begins.set(c, begin);
      for (; now < begin + step; now++) {
        if (group.length > 0) yield group;
        group = [];
        await wait();
      }
      group.push(frame);
    }
    if (group.length > 0) yield group;
  }
}
