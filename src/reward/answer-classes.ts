import type { Pool } from "./self-reward.js";

/** A pool's responses by extracted answer. */
export interface AnswerClasses {
  /** The class of each response; -1 where no answer could be extracted. */
  readonly classOf: readonly number[];
  /** Responses in each class. */
  readonly sizes: readonly number[];
  /** Responses without an answer: they agree on nothing and form no class. */
  readonly unanswered: number;
}

/** Sorts a pool's responses by their answers; classes are numbered as they appear. */
export function answerClasses(pool: Pool): AnswerClasses {
  const numbers = new Map<string, number>();
  const sizes: number[] = [];
  let unanswered = 0;
  const classOf = pool.responses.map((response) => {
    const answer = pool.extract(response.text);
    if (answer === undefined) {
      unanswered++;
      return -1;
    }
    const number = numbers.get(answer) ?? sizes.length;
    numbers.set(answer, number);
    sizes[number] = (sizes[number] ?? 0) + 1;
    return number;
  });
  return { classOf, sizes, unanswered };
}
