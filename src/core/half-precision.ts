let halfTable: Float32Array | undefined;

/** The float32 of every IEEE 754 half: 65,536 entries, built at the first use. */
function halves(): Float32Array {
  if (halfTable !== undefined) return halfTable;
  const table = new Float32Array(1 << 16);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction === 0 ? sign * Infinity : NaN;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  halfTable = table;
  return table;
}

/** The value of an IEEE 754 half-precision number in two little-endian bytes; exact. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halves()[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** Writes the values of IEEE 754 half-precision words to `target` from `offset` on; exact. */
export function halfToFloat(words: Uint16Array, target: Float32Array, offset: number): void {
  const table = halves();
  for (let i = 0; i < words.length; i++) target[offset + i] = table[words[i]!]!;
}

/** The bfloat16 words of values that are such numbers. */
function toBfloats(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) words[i] = bits[i]! >>> 16;
  return words;
}

/** The words of values that numbers of 16 bits hold exactly, as those of a file of such numbers are. */
export function toWords(type: "float16" | "bfloat16", values: Float32Array): Uint16Array {
  if (type === "bfloat16") return toBfloats(values);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const all = bits[i]!;
    const exponent = ((all >>> 23) & 255) - 112;
    const rest = exponent > 0 ? (exponent << 10) | ((all >>> 13) & 1023) : Math.abs(values[i]!) * 2 ** 24;
    words[i] = ((all >>> 16) & 0x8000) | rest;
  }
  return words;
}

/** Writes the values of bfloat16 words (the upper half of a float32) to `target` from `offset` on; exact. */
export function bfloatToFloat(words: Uint16Array, target: Float32Array, offset: number): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < words.length; i++) bits[offset + i] = words[i]! << 16;
}
