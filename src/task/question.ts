import type { GraderName } from "./graders.js";

/** A choice and the next one, each at the start of a line or after a space: `A) …`, `(B) …`. */
const FIRST_CHOICE = /(?:^|\s)\(?A[).:]\s/;
const SECOND_CHOICE = /\s\(?B[).:]\s/;
/** What asks for a number in words. */
const QUANTITY =
  /\bhow\s+(?:many|much|old|far|long|tall|heavy|fast|high|wide|deep|often|big|large)\b|\b(?:calculate|compute|evaluate|solve)\b|\b(?:number|amount|sum|product|percentage|probability|total|average|remainder|area|volume|perimeter|price|cost|value)\s+of\b/i;
/** Arithmetic: two figures with an operator, as a sign or a word, between them. */
const ARITHMETIC =
  /\d\s*(?:[-+*/^×÷−]|plus|minus|times|divided\s+by|multiplied\s+by|over|modulo|mod)\s*[(\\]?\s*\d/i;

/**
 * How answers to a single question are to be compared, when nothing but its text says so: `choice` where it lists choices,
 * `numeric` where it asks for a quantity, else `exact`. A guess from the wording, in English; a user's `--grader` overrides it.
 * Reads the first 20,000 characters.
 */
export function graderForQuestion(question: string): GraderName {
  const text = question.slice(0, 20_000);
  const first = FIRST_CHOICE.exec(text);
  if (first && SECOND_CHOICE.test(text.slice(first.index))) return "choice";
  return QUANTITY.test(text) || ARITHMETIC.test(text) ? "numeric" : "exact";
}
