import { describe, expect, it } from "vitest";
import { extractOperations, gradeTrace } from "./grade.js";

const numbers = [4, 9, 10, 13];
const golden = "13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24";

describe("gradeTrace", () => {
  it.each([
    [golden, "the golden trace"],
    ["  13 - 9 = 4 , 10 - 4 = 6 , 6 * 4 = 24\n", "white space around"],
    ["9 - 13 = -4 , 10 + -4 = 6 , 4 * 6 = 24", "a negative result on the way"],
  ])("accepts %j: %s", (text) => {
    expect(gradeTrace(numbers, 24, text)).toBe(true);
  });

  it("accepts results above the vocabulary and numbers that come twice", () => {
    expect(gradeTrace([12, 12, 12, 6], 24, "12 * 12 = 144 , 144 / 6 = 24 , 24 + 12 = 36")).toBe(false);
    expect(gradeTrace([13, 13, 13, 13], 2184, "13 * 13 = 169 , 169 * 13 = 2197 , 2197 - 13 = 2184")).toBe(
      true,
    );
    expect(gradeTrace([6, 6, 6, 6], 24, "6 + 6 = 12 , 6 + 6 = 12 , 12 + 12 = 24")).toBe(true);
  });

  it.each([
    ["", "nothing"],
    ["24", "no steps"],
    ["13 - 9 = 4 , 10 - 4 = 6", "two steps"],
    [`${golden} , 24 + 0 = 24`, "four steps"],
    [`${golden} ,`, "a comma at the end"],
    [`${golden} done`, "more at the end"],
    [`, ${golden}`, "a comma at the start"],
    ["13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 25", "wrong arithmetic, wrong target"],
    ["13 - 9 = 4 , 10 - 4 = 6 , 4 + 6 = 24", "wrong arithmetic, right target"],
    ["13 - 9 = 5 , 10 - 5 = 5 , 4 * 5 = 24", "wrong arithmetic at first"],
    ["13 - 9 = 4 , 13 - 9 = 4 , 4 * 4 = 16", "a number twice"],
    ["13 + 9 = 22 , 22 + 4 = 26 , 26 - 2 = 24", "a number that is not there"],
    ["13 - 9 = 4 , 4 * 6 = 24 , 10 - 4 = 6", "a number before it is made"],
    ["13 - 9 = 4 , 10 - 4 = 6 , 4 * 4 = 16", "the wrong target"],
    ["13 - 9 = 4; 10 - 4 = 6; 4 * 6 = 24", "other separators"],
    ["13-9=4 , 10-4=6 , 4*6=24", "no spaces"],
    ["13 - 9 = 4.0 , 10 - 4 = 6 , 4 * 6 = 24", "a decimal"],
    ["13 - 9 = 04 , 10 - 4 = 6 , 4 * 6 = 24", "a leading zero"],
    ["13 - 9 == 4 , 10 - 4 = 6 , 4 * 6 = 24", "another token for ="],
    ["13 - 9 = 4 , 10 - 4 = 6 , 4 ** 6 = 24", "another operator"],
    ["13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = process.exit(1)", "code"],
    ["13 - 9 = 4 , 10 / 4 = 2 , 4 * 2 = 8", "a division that is not exact"],
    ["99999999999999999999 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24", "an unsafe integer"],
  ])("refuses %j: %s", (text) => {
    expect(gradeTrace(numbers, 24, text)).toBe(false);
  });

  it("refuses to divide by zero", () => {
    expect(gradeTrace([1, 1, 5, 24], 24, "1 - 1 = 0 , 5 / 0 = 0 , 24 + 0 = 24")).toBe(false);
    expect(gradeTrace([1, 1, 5, 24], 24, "1 - 1 = 0 , 0 / 5 = 0 , 24 + 0 = 24")).toBe(true);
  });
});

describe("extractOperations", () => {
  it("is the sorted set of operations", () => {
    expect(extractOperations(golden)).toBe("10-4=6;13-9=4;4*6=24");
  });

  it("does not see the order of steps, nor of the operands of + and *", () => {
    expect(extractOperations("10 - 4 = 6 , 13 - 9 = 4 , 6 * 4 = 24")).toBe(extractOperations(golden));
    expect(extractOperations("9 + 2 = 11 , 3 * 4 = 12 , 11 + 12 = 23")).toBe(
      extractOperations("4 * 3 = 12 , 2 + 9 = 11 , 12 + 11 = 23"),
    );
  });

  it("sees the operands of - and /, the results, and wrong arithmetic", () => {
    expect(extractOperations("4 - 10 = -6 , 13 - 9 = 4 , 4 * 6 = 24")).not.toBe(extractOperations(golden));
    expect(extractOperations("10 - 4 = 7 , 13 - 9 = 4 , 4 * 6 = 24")).toBe("10-4=7;13-9=4;4*6=24");
  });

  it.each(["", "no", "13 - 9 = 4", `${golden} , 1 + 1 = 2`, "13 - 9 = 4 , 10 - 4 = 6 , 4 * 6"])(
    "is undefined for %j",
    (text) => expect(extractOperations(text)).toBeUndefined(),
  );
});
