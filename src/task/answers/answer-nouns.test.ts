import fc from "fast-check";
import { expect, it } from "vitest";
import { NOUNS, nounStarts } from "./answer-nouns.js";
import { statements } from "./final-statement.js";

const WORDS = (
  "the answer answers ANSWER ans answ is: is are Result result= results solution antwort ergebnis svar svaret jawabannya respuesta es " +
  "anyone and so 5 12.5 _answer answer_ 1answer finalAnswer <answer> </answer> \"answer\": 'result' : = not unknown #### \\boxed{7} [ANSWER] " +
  "final correct **Answer** __result__ resultant"
).split(" ");
const text = fc
  .array(fc.tuple(fc.constantFrom(...WORDS), fc.constantFrom(" ", " ", " ", "\n", ".\n\n", "", ", ", ": ")), {
    maxLength: 30,
  })
  .map((parts) => parts.flat().join(""));

it("finds every place where a noun stands", () => {
  const noun = new RegExp(`(?<!\\p{L})(?:${NOUNS})(?!\\p{L})`, "giu");
  fc.assert(
    fc.property(text, (own) => {
      const places = [...own.matchAll(noun)].map(({ index }) => index);
      const found = nounStarts(own)!;
      expect(places.filter((place) => !found.includes(place))).toEqual([]);
      expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
    }),
    { numRuns: 500 },
  );
  expect(nounStarts("so it is, and that is an apple")).toEqual([]);
  expect(nounStarts("An answer is")).toEqual([3]);
});

it("knows of no place in a text with other letters", () => {
  expect(nounStarts("la réponse est 5")).toBeUndefined();
  expect(nounStarts("5 × 3 = 15 €, the answer")).toEqual([18]);
});

it("has the statements that the patterns find anywhere", () => {
  // One letter beyond ASCII, in a paragraph behind all, and every pattern is tried at every place.
  fc.assert(
    fc.property(text, (own) => {
      const anywhere = statements(`${own}\n\né`).map((one) => ({ ...one, text: one.text.replace("é", "e") }));
      expect(statements(`${own}\n\ne`)).toEqual(anywhere);
    }),
    { numRuns: 1000 },
  );
});
