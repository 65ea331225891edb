/**
 * P(the score of a correct response > that of an incorrect one), ties half, over all such pairs of one prompt (the
 * Mann–Whitney statistic), in [0, 1]: 0.5 is no better than chance. How well a self-reward tells right from wrong, whatever N is.
 * Undefined where the responses are all correct or all incorrect.
 */
export function rankingAuc(scores: readonly number[], correct: ArrayLike<number>): number | undefined {
  const order = [...scores.keys()].sort((a, b) => scores[a]! - scores[b]!);
  let wins = 0; // pairs won, ties half
  let incorrectBelow = 0;
  let correctTotal = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let correctHere = 0;
    for (; end < order.length && scores[order[end]!] === scores[order[start]!]; end++) {
      if (correct[order[end]!]! > 0) correctHere++;
    }
    const incorrectHere = end - start - correctHere;
    wins += correctHere * (incorrectBelow + incorrectHere / 2);
    incorrectBelow += incorrectHere;
    correctTotal += correctHere;
    start = end;
  }
  return correctTotal === 0 || incorrectBelow === 0 ? undefined : wins / (correctTotal * incorrectBelow);
}
