import type { WireSequence } from "./wire.js";

/** Tokens of a request: some megabytes. */
const REQUEST_TOKENS = 1 << 17;

/** Tokens of a sequence. */
export const lengthOf = ({ prompt, response }: WireSequence): number => prompt.length + response.length;

/** Sequences in as many requests as their tokens need. */
export function* inParts(sequences: readonly WireSequence[]): Generator<readonly WireSequence[]> {
  let part: WireSequence[] = [];
  let tokens = 0;
  for (const sequence of sequences) {
    if (part.length > 0 && tokens + lengthOf(sequence) > REQUEST_TOKENS) {
      yield part;
      [part, tokens] = [[], 0];
    }
    part.push(sequence);
    tokens += lengthOf(sequence);
  }
  if (part.length > 0) yield part;
}
