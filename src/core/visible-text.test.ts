import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { visibleText } from "./visible-text.js";

/** Any UTF-16, lone surrogates and control characters included. */
const codeUnits = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

describe("visibleText", () => {
  it("shows control characters, overrides and lone surrogates", () => {
    expect(visibleText("\u001b[31mred\u0000\u007f")).toBe("␛[31mred␀␡");
    expect(visibleText("a\u202eb\u2066c\u200bd\ufeff\u009b")).toBe(
      "a⟨U+202E⟩b⟨U+2066⟩c⟨U+200B⟩d⟨U+FEFF⟩⟨U+009B⟩",
    );
    expect(visibleText("x\ud800y\udc00z😀")).toBe("x\ufffdy\ufffdz😀");
    expect(visibleText("a\r\nb\rc\td")).toBe("a\nb\nc\td");
  });

  it("is idempotent", () => {
    fc.assert(
      fc.property(codeUnits, (text) => {
        expect(visibleText(visibleText(text))).toBe(visibleText(text));
      }),
    );
  });
});
