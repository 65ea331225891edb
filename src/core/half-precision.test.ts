import { expect, it } from "vitest";
import { halfToFloat, nearestHalves, toWords } from "./half-precision.js";

/** All finite halves of one sign, in order. */
const WORDS = Uint16Array.from({ length: 0x7c00 }, (_, word) => word);
const values = new Float32Array(WORDS.length);
halfToFloat(WORDS, values, 0);

it("finds the halves that numbers are", () => {
  expect(nearestHalves(values)).toEqual(WORDS);
  expect(nearestHalves(values.map((value) => -value))).toEqual(WORDS.map((word) => word | 0x8000));
  expect(toWords("float16", values)).toEqual(WORDS);
});

it("takes the even one of two that are as near, and else the nearer", () => {
  const between = values.slice(0, -1).map((value, i) => (value + values[i + 1]!) / 2);
  expect(nearestHalves(between)).toEqual(WORDS.slice(0, -1).map((word) => word + (word & 1)));
  const bits = new Int32Array(between.buffer);
  const moved = (by: number): Float32Array => new Float32Array(bits.map((each) => each + by).buffer);
  expect(nearestHalves(moved(-1))).toEqual(WORDS.slice(0, -1));
  expect(nearestHalves(moved(1))).toEqual(WORDS.slice(1));
});

it("has none for what is beyond 65504 by half of a step, or no number", () => {
  const largest = Math.fround(65519.996);
  expect(nearestHalves(Float32Array.of(largest, -largest))).toEqual(Uint16Array.of(0x7bff, 0xfbff));
  for (const value of [65520, -65520, 1e9, Infinity, NaN])
    expect(nearestHalves(Float32Array.of(1, value)), `${value}`).toBeUndefined();
});
