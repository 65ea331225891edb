import fc from "fast-check";
import { expect, it } from "vitest";
import { piecesFrom, piecesIn } from "./pieces.js";

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

it("is the same of tokens that have texts of their own", () => {
  const unit = fc.constantFrom("a", "b", "é", "😀", "\uD83D", "\uDE00", "");
  fc.assert(
    fc.property(fc.array(unit), fc.array(unit), fc.boolean(), (pieces, behind, cut) => {
      const whole = pieces.join("");
      const text = cut ? whole : whole + behind.join("");
      const tokens = cut ? [...pieces, ...behind] : pieces;
      const soFar = tokens.map((_, at) => tokens.slice(0, at + 1).join(""));
      expect(piecesFrom(text, tokens)).toEqual(piecesIn(text, soFar));
    }),
  );
});

it("takes a time that grows with the text alone", () => {
  // Prefixes of it, one a token, would have five billion characters together.
  const tokens = Array.from({ length: 100_000 }, (_, at) => `${at % 10}`);
  expect(piecesFrom(tokens.join(""), tokens)).toEqual(tokens);
});
