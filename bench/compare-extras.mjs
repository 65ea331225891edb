/** What rows of the bench beside peers say besides their figures: what pruning saves, and whether two agree. */
import { FLOAT, TORCH } from "./compare-contenders.mjs";

/** @typedef {import("./processes.mjs").Printed} Printed */
/** @typedef {Readonly<Record<string, readonly Printed[]>>} AllPrinted by who printed it, a line a repeat */
/** @typedef {Readonly<Record<string, readonly number[]>>} Extras */

export const PRUNED = "ours, pruned";
export const FULL = "ours, all drawn";

/**
 * By repeat the shares of tokens and of time that pruning saves, the second over the first, and by prompt whether the choice is the same.
 * @param {AllPrinted} printed
 */
export function pruningOf(printed) {
  const pairs = (printed[PRUNED] ?? []).flatMap((pruned, i) => {
    const full = printed[FULL]?.[i];
    return full ? [{ pruned, full }] : [];
  });
  const tokens = pairs.map(({ pruned, full }) => 1 - pruned.tokens / full.tokens);
  const time = pairs.map(({ pruned, full }) => 1 - pruned.secondsEach / full.secondsEach);
  const share = time.map((each, i) => each / (tokens[i] ?? NaN));
  const same = pairs.flatMap(({ pruned, full }) =>
    Object.entries(pruned.chosen ?? {}).map(([id, index]) => Number(full.chosen?.[id] === index)),
  );
  return { tokens, time, share, same };
}

const percent = (/** @type {readonly number[]} */ values) =>
  `${values.map((value) => (100 * value).toFixed(0)).join(", ")} %`;
const sum = (/** @type {readonly number[]} */ values) => values.reduce((total, value) => total + value, 0);

/** @param {Extras} extras */
export const saysOfPruning = ({ tokens = [], time = [], same = [] }) =>
  `Pruning saved ${percent(tokens)} of the tokens, by repeat, and ${percent(time)} of the time, and chose as without it on ${sum(same)} of ${same.length} prompts.`;

/**
 * How far log π of responses lies apart at most, in nats, and by prompt whether the likeliest response is the same.
 * @param {AllPrinted} printed
 */
export function agreementOf(printed) {
  const [own, theirs] = [printed[FLOAT]?.[0], printed[TORCH]?.[0]];
  const differences = (own?.sums ?? []).map((value, i) => Math.abs(value - (theirs?.sums?.[i] ?? NaN)));
  const same = (own?.best ?? []).map((at, i) => Number(at === theirs?.best?.[i]));
  return { difference: [Math.max(...differences)], same };
}

/** @param {Extras} extras */
export const saysOfAgreement = ({ difference = [], same = [] }) =>
  `log π of a response differs from transformers' in float32 by ${(difference[0] ?? NaN).toExponential(0)} nats at most; best by it is the same response on ${sum(same)} of ${same.length} prompts.`;

/** By who was measured, the milliseconds of a step and of what bounds it. @param {AllPrinted} printed */
export const boundsOf = (printed) =>
  Object.fromEntries(
    Object.entries(printed).flatMap(([who, each]) => [
      [`${who}: step`, each.map(({ stepMs }) => stepMs ?? NaN)],
      [`${who}: bound`, each.map(({ boundMs }) => boundMs ?? NaN)],
    ]),
  );

/** @param {Extras} extras */
export const saysOfBounds = (extras) => {
  const milliseconds = (/** @type {readonly number[]} */ values = []) =>
    `${values.map((value) => value.toFixed(1)).join(", ")} ms`;
  const names = Object.keys(extras).filter((name) => name.endsWith(": step"));
  const sentences = names.map((name) => {
    const who = name.replace(": step", "");
    return `${who}: a step takes ${milliseconds(extras[name])}, by repeat, its bound ${milliseconds(extras[`${who}: bound`])}.`;
  });
  return sentences.join(" ");
};

/** By length, the share of moves that was accepted. @param {AllPrinted} printed */
export const acceptanceOf = (printed) =>
  Object.fromEntries(
    Object.values(printed)
      .flat()
      .flatMap(({ accepted = {} }) => Object.entries(accepted).map(([length, share]) => [length, [share]])),
  );

/** @param {Extras} extras */
export const saysOfAcceptance = (extras) =>
  `Accepted of all moves: ${Object.entries(extras)
    .map(([length, [share = NaN]]) => `${(100 * share).toFixed(0)} % at ${length} tokens`)
    .join(", ")}.`;
