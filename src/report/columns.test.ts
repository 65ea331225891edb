import { describe, expect, it } from "vitest";
import { beginningOf, fitLine, padEndTo, padStartTo, widthOf, wrapped } from "./columns.js";

describe("columns of a terminal", () => {
  it.each([
    ["SFT 0.5 [−1, 2]", 15],
    ["二十四点", 8],
    ["ｎ＝５", 6],
    ["한국어", 6],
    ["e\u0301", 1],
    ["👩‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["π^α · …", 7],
    ["", 0],
  ])("of %j", (text, columns) => expect(widthOf(text)).toBe(columns));

  it("are filled up on either side", () => {
    expect(padEndTo("点数", 6)).toBe("点数  ");
    expect(padStartTo("点数", 6)).toBe("  点数");
    expect(padStartTo("wider", 3)).toBe("wider");
  });

  it("hold the beginning of a text, whole letters alone", () => {
    expect(beginningOf("二十四", 5)).toBe("二十");
    expect(beginningOf("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301e\u0301");
    expect(beginningOf("a👩‍👩‍👧b", 2)).toBe("a");
    expect(beginningOf("abc", 9)).toBe("abc");
  });

  it("hold a line, with an ellipsis where it is cut, and nothing that moves the cursor", () => {
    expect(fitLine("one\ntwo\tthree \u001B[31m", 40)).toBe("one two three [31m");
    expect(fitLine("a\u202eb", 40)).toBe("a b");
    expect(fitLine("abcdef", 6)).toBe("abcdef");
    expect(fitLine("abcdefg", 6)).toBe("abcde…");
    expect(fitLine("二十四点", 8)).toBe("二十四点");
    expect(fitLine("二十四点", 7)).toBe("二十四…");
    expect(fitLine("👩‍👩‍👧👩‍👩‍👧", 3)).toBe("👩‍👩‍👧…");
  });

  it("hold words on lines", () => {
    expect(wrapped("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrapped("二十 四点 x", 9)).toEqual(["二十 四点", "x"]);
    expect(wrapped("x".repeat(20), 8)).toEqual(["x".repeat(8)]);
  });
});
