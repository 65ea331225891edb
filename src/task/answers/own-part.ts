/** Where a model that was shown `Question: … Answer: …` goes on with a question of its own invention. */
const NEXT_QUESTION = /\n[ \t]{0,8}(?:\*\*)?Question\b/;

/**
 * The part of a response that answers: what stands before the first line that begins with `Question`. A model without a
 * chat template was shown one question with its answer, and after its own answer it tends to go on with another question;
 * the answer to that one is not the answer asked for.
 */
export function ownPart(text: string): string {
  const own = text.slice(0, NEXT_QUESTION.exec(text)?.index);
  // A response that repeats the question before it answers has no part before it.
  return own.trim() === "" ? text : own;
}
