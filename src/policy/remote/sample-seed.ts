import { hash32, philox4x32 } from "../../core/random.js";

/** `seed` in ASCII: keeps these words apart from those of other purposes. */
const PURPOSE = 0x73656564;

/**
 * The seed of one sample, from 0 to 2^31 − 1, which every server takes: a function of the run's seed, the prompt and the
 * index alone, so that a sample that is asked for again is the same one where the server's seeds repeat.
 */
export function sampleSeed(seed: number, promptId: string, index: number): number {
  const [word] = philox4x32(
    0,
    index >>> 0,
    hash32(promptId),
    PURPOSE,
    seed >>> 0,
    Math.floor(seed / 2 ** 32),
  );
  return word >>> 1;
}
