import fc from "fast-check";
import { expect, it } from "vitest";
import { piecesIn } from "./pieces.js";

it("gives each token its piece of the text", () => {
  expect(piecesIn("4 + 9", ["4", "4 +", "4 + 9"])).toEqual(["4", " +", " 9"]);
});

it("gives a character that several tokens share to the last of them", () => {
  expect(piecesIn("aé😀b", ["a", "a\uFFFD", "aé", "aé\uFFFD", "aé😀", "aé😀b"])).toEqual([
    ...["a", "", "é", "", "😀", "b"],
  ]);
});

it("has nothing for the end token, nor for what stands behind the end of the text", () => {
  expect(piecesIn("yes", ["ye", "yes", "yes"])).toEqual(["ye", "s", ""]);
  expect(piecesIn("so", ["s", "so\n\nQ:"])).toEqual(["s", "o"]);
});

it("follows a text of which something was taken back", () => {
  expect(piecesIn("no, it", ["no", "no ", "no,", "no, it"])).toEqual(["no", "", ",", " it"]);
});

it("makes up the text, whatever the tokens decode to", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.array(fc.string()), (text, soFar) => {
      const pieces = piecesIn(text, soFar);
      expect(pieces).toHaveLength(soFar.length);
      if (soFar.length > 0) expect(pieces.join("")).toBe(text);
    }),
  );
});
