import { UsageError } from "../core/errors.js";
import type { Pool, SelfReward } from "./self-reward.js";
import { chosenOverSubsets, shareOfBest } from "./subset-choice.js";

/** What makes two texts mean the same. */
export interface SemanticClustersOptions {
  /**
   * Whether two responses without an extracted answer mean the same; asked with the texts in alphabetical order, once for each pair. Default:
   * their words are alike, `threshold`. A model of entailment asked both ways is semantic entropy's relation.
   */
  readonly same?: (a: string, b: string) => boolean;
  /** The least cosine between two texts' counts of words, in (0, 1]. Default 0.6. */
  readonly threshold?: number;
}

const NAME = "semantic-clusters";

/** Counts of a text's words, letters and digits in lower case, and their Euclidean length. */
interface Words {
  readonly counts: ReadonlyMap<string, number>;
  readonly length: number;
}

function wordsOf(text: string): Words {
  const counts = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  const squares = [...counts.values()].reduce((sum, count) => sum + count ** 2, 0);
  return { counts, length: Math.sqrt(squares) };
}

/** In [0, 1]; 1 for two texts without words. */
function cosine(a: Words, b: Words): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 1 : 0;
  let product = 0;
  for (const [word, count] of a.counts) product += count * (b.counts.get(word) ?? 0);
  return product / (a.length * b.length);
}

/** Which of some texts mean the same, by their places. */
type Relation = (texts: readonly string[]) => (a: number, b: number) => boolean;

/** By words that are alike. */
function alike(threshold: number): Relation {
  return (texts) => {
    const words = texts.map(wordsOf);
    return (a, b) => cosine(words[a]!, words[b]!) >= threshold;
  };
}

/** What a pool's responses mean: an answer each, or a number of a distinct text and which of these texts mean the same. */
interface Meanings {
  readonly answers: readonly (string | undefined)[];
  readonly textOf: readonly number[];
  /** By distinct text: the texts that mean the same, itself included. */
  readonly same: readonly (readonly number[])[];
}

function meaningsOf({ responses, extract }: Pool, relation: Relation): Meanings {
  const answers = responses.map(({ text }) => extract(text));
  const open = responses.map(({ text }) => text).filter((_, i) => answers[i] === undefined);
  const texts = [...new Set(open)].sort();
  const places = new Map(texts.map((text, i) => [text, i]));
  const related = texts.map((_, i) => [i]);
  const same = relation(texts);
  texts.forEach((_, i) => {
    for (let j = i + 1; j < texts.length; j++) {
      if (!same(i, j)) continue;
      related[i]!.push(j);
      related[j]!.push(i);
    }
  });
  return { answers, textOf: responses.map(({ text }) => places.get(text) ?? -1), same: related };
}

/** Each of these responses' share of them that lie in its cluster; 0 without an answer where another has one. */
function shares({ answers, textOf, same }: Meanings, positions: readonly number[]): number[] {
  const sizes = new Map<string | number, number>();
  const answered = positions.some((i) => answers[i] !== undefined);
  const cluster = answered ? undefined : clustersAmong(positions, textOf, same);
  const keyOf = (i: number): string | number | undefined => answers[i] ?? cluster?.get(textOf[i]!);
  for (const i of positions) {
    const key = keyOf(i);
    if (key !== undefined) sizes.set(key, (sizes.get(key) ?? 0) + 1);
  }
  return positions.map((i) => {
    const key = keyOf(i);
    return key === undefined ? 0 : sizes.get(key)! / positions.length;
  });
}

/** By distinct text among these responses: the lowest text that a chain of texts, each meaning the same as the next, leads to. */
function clustersAmong(
  positions: readonly number[],
  textOf: readonly number[],
  same: readonly (readonly number[])[],
): ReadonlyMap<number, number> {
  const present = new Set(positions.map((i) => textOf[i]!));
  const cluster = new Map<number, number>();
  for (const start of [...present].sort((a, b) => a - b)) {
    const open = cluster.has(start) ? [] : [start];
    for (let text = open.pop(); text !== undefined; text = open.pop()) {
      if (cluster.has(text)) continue;
      cluster.set(text, start);
      open.push(...same[text]!.filter((other) => present.has(other)));
    }
  }
  return cluster;
}

/**
 * Semantic clusters (EMPO, arXiv 2504.05812): the share of the pool that means the same as a response, which estimates the probability of
 * its meaning. Where the task reads answers off responses, equal answers mean the same, as in the paper for mathematics, and the score
 * is majority's; a response without an answer then scores 0. Where no response of the pool has an answer, as to open questions, texts that
 * mean the same form clusters (chains of them do): by default those whose words are alike, which needs no other model, and
 * takes a paraphrase in other words for another meaning. In [0, 1]. Its expectation over subsets has no closed form: see `chosenOverSubsets`.
 * @throws UsageError for a threshold outside (0, 1].
 */
export function semanticClusters({ same, threshold = 0.6 }: SemanticClustersOptions = {}): SelfReward {
  if (!(threshold > 0 && threshold <= 1))
    throw new UsageError(
      `The threshold of the reward ${NAME} must be above 0 and at most 1, not ${threshold}.`,
    );
  const related: Relation = same ? (texts) => (a, b) => same(texts[a]!, texts[b]!) : alike(threshold);
  return {
    name: NAME,
    description: "How many of the other responses mean the same: the same answer, or words that are alike.",
    needs: [],
    ofLogProbs: "none",
    score: (pool) =>
      new Promise((resolve) => {
        resolve(shares(meaningsOf(pool, related), [...pool.responses.keys()]));
      }),
    chosenProbabilities: (pool, n) => {
      const meanings = meaningsOf(pool, related);
      return chosenOverSubsets(pool.responses.length, n, NAME, (positions) =>
        shareOfBest(shares(meanings, positions)),
      );
    },
  };
}
