import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { boundPruner, majorityPruner, type Pruner, type PruningContext } from "./pruning.js";
import { rewardNamed, rewards } from "./registry.js";
import { choose, type SelfReward } from "./self-reward.js";

const MAX_TOKENS = 6;
/** Every reward that can prune, one of a later day included. */
const NAMES = Object.values(rewards).flatMap(({ name, pruner }) => (pruner ? [name] : []));

/** N responses, and the order in which they gain tokens: an entry picks one of those that are unfinished then. */
interface Draw {
  readonly responses: readonly Response[];
  readonly order: readonly number[];
}

// Few different values, so that ties are common; 0 is the best that a token can be, and 3e-7 what float32 makes of it.
const token = fc.constantFrom(0, 0, 3e-7, -0.1, -0.5, -0.5, -1, -7, -2e9);
const draws: fc.Arbitrary<Draw> = fc.record({
  responses: fc
    .array(
      fc.record({
        logProbs: fc.array(token, { minLength: 1, maxLength: MAX_TOKENS }),
        text: fc.constantFrom("=1", "=1", "=1", "=1", "=2", "no answer"),
      }),
      { minLength: 1, maxLength: 9 },
    )
    .map((all) =>
      all.map(({ logProbs, text }, index): Response => ({
        promptId: "p",
        index,
        text,
        tokens: logProbs.map((_, t) => t),
        logProbs,
        finish: logProbs.length < MAX_TOKENS ? "stop" : "length",
      })),
    ),
  order: fc.array(fc.nat(1000), { minLength: 9 * MAX_TOKENS, maxLength: 9 * MAX_TOKENS }),
});

const extract = (text: string): string | undefined => (text.startsWith("=") ? text : undefined);

/** Responses that are left when the pruner has its way, by index, and the tokens drawn. */
function drawPruned({ responses, order }: Draw, pruner: Pruner): { left: Response[]; tokens: number } {
  const open = responses.map((response) => ({ response, length: 0, logProb: 0 }));
  const left: Response[] = [];
  let tokens = 0;
  for (const pick of order) {
    const row = open[pick % open.length];
    if (!row) break;
    row.logProb += row.response.logProbs[row.length++]!;
    tokens++;
    const ended = row.length === row.response.logProbs.length;
    if (ended) {
      left.push(row.response);
      pruner.finished(row.response);
    }
    const { promptId, index } = row.response;
    const hopeless = !ended && pruner.hopeless({ promptId, index, length: row.length, logProb: row.logProb });
    if (ended || hopeless) open.splice(open.indexOf(row), 1);
  }
  return { left: left.sort((a, b) => a.index - b.index), tokens };
}

async function chosenOf(reward: SelfReward, responses: readonly Response[]): Promise<number> {
  const pool = { prompt: { id: "p", text: "?" }, responses, extract };
  return responses[choose(await reward.score(pool))]!.index;
}

/** Tokens saved; throws where another response is chosen. */
async function saved(reward: SelfReward, draw: Draw, makePruner = reward.pruner!): Promise<number> {
  const context = { n: draw.responses.length, maxTokens: MAX_TOKENS, extract };
  const { left, tokens } = drawPruned(draw, makePruner(context));
  expect(await chosenOf(reward, left)).toBe(await chosenOf(reward, draw.responses));
  const all = draw.responses.reduce((sum, { logProbs }) => sum + logProbs.length, 0);
  expect(tokens).toBeLessThanOrEqual(all);
  return all - tokens;
}

async function savedOverall(reward: SelfReward, makePruner?: (context: PruningContext) => Pruner) {
  let total = 0;
  await fc.assert(
    fc.asyncProperty(draws, async (draw) => {
      total += await saved(reward, draw, makePruner);
    }),
    { numRuns: 300, seed: 1, endOnFailure: true },
  );
  return total;
}

describe("pruning", () => {
  it.each(NAMES)(
    "by %s never changes the choice, whatever the tails and the order, and saves tokens",
    async (name) => {
      expect(await savedOverall(rewardNamed(name))).toBeGreaterThan(100);
    },
  );

  const score = ({ logProbs }: Response): number => logProbs.reduce((a, b) => a + b, 0) / logProbs.length;
  const wrong: readonly (readonly [string, string, (context: PruningContext) => Pruner])[] = [
    [
      "a bound that forgets that later tokens may be certain",
      "length-normalized",
      () => boundPruner(score, ({ logProb, length }) => logProb / length, -1e9),
    ],
    [
      "a bound below what can still be reached",
      "log-likelihood",
      () =>
        boundPruner(
          ({ logProbs }) => logProbs.reduce((a, b) => a + b, 0),
          ({ logProb }) => logProb - 0.3,
          -1e9,
        ),
    ],
    [
      "a majority of fewer than there are",
      "majority",
      (context) => majorityPruner({ ...context, n: context.n - 1 }),
    ],
    [
      "a majority whose earliest response is taken to be known",
      "majority",
      (context) => {
        const right = majorityPruner(context);
        return { ...right, hopeless: (partial) => right.hopeless({ ...partial, index: Infinity }) };
      },
    ],
  ];
  it.each(wrong)("is told from %s", async (_, name, makePruner) => {
    await expect(savedOverall(rewardNamed(name), makePruner)).rejects.toThrow(/Property failed/);
  });

  it("is there where the score has a bound", () => {
    expect(NAMES).toEqual(expect.arrayContaining(["log-likelihood", "length-normalized", "majority"]));
    expect(NAMES).not.toContain("self-certainty");
  });
});

describe("pruners by hand", () => {
  const response = (index: number, text: string, ...logProbs: number[]): Response => {
    return { promptId: "p", index, text, tokens: logProbs.map(() => 1), logProbs, finish: "stop" };
  };
  const partial = (index: number, length: number, logProb: number) => ({
    promptId: "p",
    index,
    length,
    logProb,
  });
  const context: PruningContext = { n: 5, maxTokens: 10, extract };

  it("log-likelihood drops what is below the best finished one by more than rounding", () => {
    const pruner = rewardNamed("log-likelihood").pruner!(context);
    expect(pruner.hopeless(partial(1, 1, -1e6))).toBe(false);
    pruner.finished(response(0, "", -1, -2));
    pruner.finished(response(2, "", -8));
    expect([-2.9, -3, -3.0005, -3.002].map((sum) => pruner.hopeless(partial(1, 1, sum)))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  it("nothing is dropped where all score the lowest: they are equals, and the first is chosen", () => {
    for (const name of ["log-likelihood", "length-normalized"]) {
      const pruner = rewardNamed(name).pruner!(context);
      pruner.finished(response(1, "", -1e11));
      expect(pruner.hopeless(partial(0, 1, -1e12))).toBe(false);
    }
  });

  it("length-normalized divides by the longest length", () => {
    const pruner = rewardNamed("length-normalized").pruner!(context);
    pruner.finished(response(0, "", -1, -2));
    expect([-14.9, -15.1].map((sum) => pruner.hopeless(partial(1, 2, sum)))).toEqual([false, true]);
  });

  it("majority waits until the leader cannot be caught, and keeps what may be its earliest response", () => {
    const pruner = majorityPruner(context);
    const hopeless = () => [0, 1, 2, 3, 4].map((index) => pruner.hopeless(partial(index, 1, -1)));
    const none = [false, false, false, false, false];
    pruner.finished(response(2, "=1", -1));
    expect(hopeless()).toEqual(none);
    pruner.finished(response(3, "=1", -1));
    // Two against none, but three are open.
    expect(hopeless()).toEqual(none);
    pruner.finished(response(4, "=1", -1));
    expect(hopeless()).toEqual([false, false, false, true, true]);
    pruner.finished(response(1, "=1", -1));
    expect(hopeless()).toEqual([false, false, true, true, true]);
  });

  it("majority drops nothing while a tie is possible, nor where nobody answers", () => {
    const pruner = majorityPruner({ ...context, n: 4 });
    for (const [index, text] of ["=1", "=1", "=2"].entries()) pruner.finished(response(index, text, -1));
    expect(pruner.hopeless(partial(3, 1, -1))).toBe(false);
    const silent = majorityPruner(context);
    for (const index of [0, 1, 2, 3]) silent.finished(response(index, "none", -1));
    expect(silent.hopeless(partial(4, 1, -1))).toBe(false);
  });
});
