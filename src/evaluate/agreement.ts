/**
 * Whether two responses give the same answer: equal extracted answers, or, where neither has one, equal texts.
 * @param extract the task's answer extractor.
 */
function sameAnswer(a: string, b: string, extract: (text: string) => string | undefined): boolean {
  const answerA = extract(a);
  return answerA === extract(b) && (answerA !== undefined || a === b);
}

/**
 * Share of prompts on which two rewards choose the same answer, in [0, 1], for each pair of rewards; keyed `a|b`, a before b in
 * the order given.
 * @param chosen by reward name: the text chosen for each prompt, the prompts in the same order for all; at least one.
 * @param extract the answer extractor of the i-th prompt's pool.
 */
export function agreement(
  chosen: ReadonlyMap<string, readonly string[]>,
  extract: (prompt: number, text: string) => string | undefined,
): Record<string, number> {
  const entries = [...chosen];
  const result: Record<string, number> = {};
  entries.forEach(([a, textsA], i) => {
    for (const [b, textsB] of entries.slice(i + 1)) {
      const same = textsA.filter((text, p) =>
        sameAnswer(text, textsB[p]!, (other) => extract(p, other)),
      ).length;
      result[`${a}|${b}`] = same / textsA.length;
    }
  });
  return result;
}
