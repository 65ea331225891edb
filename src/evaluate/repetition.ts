/**
 * The share of a sequence's trigrams that it has had before, in [0, 1]; 0 for fewer than four tokens. Text that goes in
 * circles tends to 1 (seq-rep-n of arXiv 1908.04319, with n = 3).
 */
export function repetition(tokens: readonly number[]): number {
  const total = tokens.length - 2;
  if (total < 2) return 0;
  const seen = new Set<string>();
  for (let i = 0; i < total; i++) seen.add(`${tokens[i]!},${tokens[i + 1]!},${tokens[i + 2]!}`);
  return 1 - seen.size / total;
}
