import { expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { ANSWER_OPTIONS } from "./answer-options.js";

const { stop, topP, minP } = ANSWER_OPTIONS;

it("--stop may be repeated, and knows a new line, a tab and a backslash", () => {
  const first = stop.parse("\\n\\n", "--stop", undefined);
  expect(first).toEqual(["\n\n"]);
  expect(stop.parse("a\\\\n\\t", "--stop", first)).toEqual(["\n\n", "a\\n\t"]);
  expect(stop.parse(" ", "--stop", undefined)).toEqual([" "]);
  expect(() => stop.parse("", "--stop", undefined)).toThrow("--stop needs a text; it is empty.");
});

it("--top-p and --min-p are shares", () => {
  expect(["1", "0.5", "1e-3"].map((value) => topP.parse(value, "--top-p", undefined))).toEqual([
    1, 0.5, 1e-3,
  ]);
  expect(["0", "0.05"].map((value) => minP.parse(value, "--min-p", undefined))).toEqual([0, 0.05]);
  for (const value of ["0", "1.01", "", "x", "-1", "NaN"])
    expect(() => topP.parse(value, "--top-p", undefined)).toThrow(UsageError);
  for (const value of ["1", "-0.1", "", "half"])
    expect(() => minP.parse(value, "--min-p", undefined)).toThrow(/--min-p must be a number at least 0/);
});
