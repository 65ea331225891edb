import fc from "fast-check";
import { expect, it } from "vitest";
import { MAX_JSON_DEPTH, isTooDeep } from "./json-depth.js";

const nested = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + close.repeat(depth);

it("counts brackets and braces, not those in texts", () => {
  expect(isTooDeep(nested("[", "]", MAX_JSON_DEPTH))).toBe(false);
  expect(isTooDeep(nested("[", "]", MAX_JSON_DEPTH + 1))).toBe(true);
  expect(isTooDeep(`${'{"a":['.repeat(501)}`)).toBe(true);
  expect(isTooDeep("[".repeat(1e6))).toBe(true);
  expect(isTooDeep("[]".repeat(1e4))).toBe(false);
  expect(isTooDeep(JSON.stringify("[".repeat(5000)))).toBe(false);
  expect(isTooDeep(JSON.stringify([`\\"${"[".repeat(5000)}`, '"\\']))).toBe(false);
  expect(isTooDeep(`"unended ${"[".repeat(5000)}`)).toBe(false);
  expect(isTooDeep(`["\\\\",${"[".repeat(5000)}`)).toBe(true);
});

it("is never true of what JSON.stringify makes of something flat", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom("[", "{", '"', "\\", "a") }), { minLength: 400 }),
      (texts) => {
        expect(isTooDeep(JSON.stringify(texts))).toBe(false);
      },
    ),
    { numRuns: 30 },
  );
});
