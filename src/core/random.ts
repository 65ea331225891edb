/**
 * Counter-based randomness: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). A value is a pure function of (seed, counter), so that a sample does not depend on batching, on
 * resuming, or on what else runs.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const mid1 = aHigh * bLow + (low >>> 16);
  const mid2 = aLow * bHigh + (mid1 & 0xffff);
  return (aHigh * bHigh + Math.floor(mid1 / 0x10000) + Math.floor(mid2 / 0x10000)) >>> 0;
}

/**
 * One Philox4x32-10 block: four 32-bit words from a four-word counter and a two-word key.
 * All arguments and results are unsigned 32-bit integers.
 */
export function philox4x32(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): [number, number, number, number] {
  let a = c0 >>> 0;
  let b = c1 >>> 0;
  let c = c2 >>> 0;
  let d = c3 >>> 0;
  let key0 = k0 >>> 0;
  let key1 = k1 >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, a);
    const low0 = Math.imul(M0, a) >>> 0;
    const high1 = mulHigh(M1, c);
    const low1 = Math.imul(M1, c) >>> 0;
    a = (high1 ^ b ^ key0) >>> 0;
    b = low1;
    c = (high0 ^ d ^ key1) >>> 0;
    d = low0;
    key0 = (key0 + W0) >>> 0;
    key1 = (key1 + W1) >>> 0;
  }
  return [a, b, c, d];
}

/** 32-bit FNV-1a of a string's UTF-8 bytes: turns a prompt id or the name of a purpose into a counter word. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/**
 * The uniform that draws one token: a function of (seed, prompt, sample index, position) and nothing else.
 * @param seed a non-negative safe integer.
 * @param promptKey `hash32(prompt.id)`.
 * @returns a multiple of 2^-24 in [0, 1), exact in float32.
 */
export function tokenUniform(seed: number, promptKey: number, sampleIndex: number, position: number): number {
  const [word] = philox4x32(
    position,
    sampleIndex,
    promptKey,
    0x746f6b65,
    seed >>> 0,
    Math.floor(seed / 2 ** 32),
  );
  return (word >>> 8) * 2 ** -24;
}

/** A stream of random values for one purpose: same seed and name, same values. */
export interface RandomStream {
  /** Uniform in [0, 1), a multiple of 2^-32. */
  next(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** A new array holding the items in uniformly random order (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[];
}

/**
 * A random stream keyed by a seed and the name of its purpose.
 * @param start how many words to skip, for resuming a stream of plain `next()` calls.
 */
export function randomStream(seed: number, purpose: string, start = 0): RandomStream {
  const purposeKey = hash32(purpose);
  const keyLow = seed >>> 0;
  const keyHigh = Math.floor(seed / 2 ** 32);
  let position = start;
  let block: readonly number[] = [];
  let blockIndex = -1;
  const next = (): number => {
    const wanted = Math.floor(position / 4);
    if (wanted !== blockIndex) {
      block = philox4x32(wanted >>> 0, Math.floor(wanted / 2 ** 32), purposeKey, 0x73747265, keyLow, keyHigh);
      blockIndex = wanted;
    }
    return (block[position++ % 4] as number) * 2 ** -32;
  };
  const integer = (bound: number): number => Math.floor(next() * bound);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const shuffle = <T>(items: readonly T[]): T[] => {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = integer(i + 1);
      [result[i], result[j]] = [result[j] as T, result[i] as T];
    }
    return result;
  };
  return { next, integer, normal, shuffle };
}
