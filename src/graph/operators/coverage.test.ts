import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RULES } from "../gradients.js";
import { KERNELS } from "../reference/kernels.js";
import * as cases from "./cases.test-helper.js";
import { operatorsOf } from "./check.test-helper.js";

const folder = join(import.meta.dirname, "..");

/** Operators that the builder's sources name where they append a node. */
function emitted(): Set<string> {
  const files = [
    ...readdirSync(join(folder, "operators"))
      .filter((file) => !/\.test(-helper)?\.ts$/.test(file))
      .map((file) => join(folder, "operators", file)),
    join(folder, "gradients.ts"),
    join(folder, "graph.ts"),
  ];
  const sources = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const calls = sources.matchAll(/\b(?:node|unary|binary|reduceWithAttribute)\(\s*"(\w+)"|\bop: "(\w+)"/g);
  return new Set(Array.from(calls, ([, called, literal]) => (called ?? literal)!));
}

function operatorsOfAll(tables: readonly (typeof cases.ELEMENTWISE_CASES)[]): Set<string> {
  return new Set(tables.flatMap((table) => Object.values(table).flatMap((build) => [...operatorsOf(build)])));
}

const { VALUE_CASES: _, ...withGradients } = cases;

describe("nothing is left untested", () => {
  test("the reference defines every operator that the builder emits, and no other", () => {
    expect(Object.keys(KERNELS).sort()).toEqual([...emitted()].sort());
  });

  test("every gradient rule is for an operator that the builder emits, and in a case with finite differences", () => {
    const differentiated = operatorsOfAll(Object.values(withGradients));
    expect(Object.keys(RULES).filter((op) => !differentiated.has(op))).toEqual([]);
    expect(Object.keys(RULES).filter((op) => !emitted().has(op))).toEqual([]);
  });

  test("every operator of the builder is in a case", () => {
    const tried = operatorsOfAll(Object.values(cases));
    expect([...emitted()].filter((op) => !tried.has(op))).toEqual([]);
  });

  test("operators without a gradient are those that yield integers or bool, serve only shapes, read constants, or only sample", () => {
    expect([...emitted()].filter((op) => !(op in RULES)).sort()).toEqual([
      "Abs",
      "ArgMax",
      "Cast",
      "Equal",
      "GatherBlockQuantized",
      "LessOrEqual",
      "MatMulIntegerToFloat",
      "MatMulNBits",
      "Mod",
      "QuantizeLinear",
      "Shape",
      "TopK",
    ]);
  });
});
