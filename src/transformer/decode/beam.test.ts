import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InterruptedError } from "../../core/errors.js";
import { logSoftmax, plainLogits, type LogitsOf } from "../decoder/plain-decoder.test-helper.js";
import { Runtime } from "../runtime.js";
import { collect, largestDifference, tinyAdapter, tinyModel } from "../tiny-models.test-helper.js";
import type { Draw, DrawRequest } from "./draw-request.js";

const PROMPTS = [[1], [1, 17, 42], [1, 17, 43, 9], Array.from({ length: 21 }, (_, i) => 60 - i)];

let runtime: Runtime;
let logitsOf: LogitsOf;
beforeAll(async () => {
  runtime = new Runtime(await tinyModel("tiny-gqa"), { threads: 1 });
  logitsOf = plainLogits(runtime.model);
});
afterAll(() => runtime.dispose());

const requests = (prompts = PROMPTS): DrawRequest<number>[] =>
  prompts.map((prompt, tag) => ({ tag, prompt, promptKey: tag, index: -1 }));
const byTag = (draws: readonly Draw<number>[]): Draw<number>[] => [...draws].sort((a, b) => a.tag - b.tag);
const search = async (width: number, maxTokens: number, rows = 64, asked = requests()) =>
  byTag(await collect(runtime.beam(asked, { width, maxTokens, rows })));

interface Scored {
  readonly tokens: readonly number[];
  readonly logProb: number;
}

const total = ({ logProbs }: { readonly logProbs: readonly number[] }): number =>
  logProbs.reduce((sum, value) => sum + value, 0);

/** Beam search as it is defined, run to its end, by a decoder without caches, batches or graphs. */
function searchPlainly(prompt: readonly number[], width: number, maxTokens: number): Scored {
  const { eosTokenIds } = runtime.model.config;
  const isWhole = ({ tokens }: Scored): boolean =>
    tokens.length === maxTokens || eosTokenIds.includes(tokens.at(-1)!);
  let beam: Scored[] = [{ tokens: [], logProb: 0 }];
  while (!beam.every(isWhole)) {
    beam = beam
      .flatMap((one) => {
        if (isWhole(one)) return [one];
        const row = logSoftmax(logitsOf([...prompt, ...one.tokens]).at(-1)!);
        return Array.from(row, (logProb, token) => ({
          tokens: [...one.tokens, token],
          logProb: one.logProb + logProb,
        }));
      })
      .sort((a, b) => b.logProb - a.logProb)
      .slice(0, width);
  }
  return beam[0]!;
}

describe("beam search on the engine", () => {
  test("width 1 is the greedy response, to the bit, however many prompts there are", async () => {
    const options = { temperature: 1, maxTokens: 12, seed: 0, greedy: true, rows: 64 };
    const greedy = byTag(await collect(runtime.draw(requests(), options)));
    expect(await search(1, 12)).toEqual(greedy);
    expect(await search(1, 12, 4)).toEqual(greedy);
  });

  test("finds what a plain search finds, with prompts that wait for others, in rows of any number", async () => {
    for (const width of [2, 3]) {
      const found = await search(width, 5);
      PROMPTS.forEach((prompt, i) => {
        const wanted = searchPlainly(prompt, width, 5);
        expect(found[i]!.tokens).toEqual(wanted.tokens);
        expect(total(found[i]!)).toBeCloseTo(wanted.logProb, 4);
      });
      const few = await search(width, 5, width);
      few.forEach((one, i) => {
        expect(one.tokens).toEqual(found[i]!.tokens);
        expect(largestDifference(one.logProbs, found[i]!.logProbs)).toBeLessThan(1e-4);
      });
    }
  });

  test("a response says of itself what scoring it says, across blocks of the cache", async () => {
    const found = await search(3, 40);
    const scored = await runtime.score(
      found.map(({ tokens }, i) => ({ prompt: PROMPTS[i]!, response: tokens })),
    );
    found.forEach(({ tokens, logProbs, certainties, finish }, i) => {
      expect(largestDifference(logProbs, scored[i]!.logProbs)).toBeLessThan(1e-4);
      expect(largestDifference(certainties, scored[i]!.certainties)).toBeLessThan(1e-4);
      const ended = runtime.model.config.eosTokenIds.includes(tokens.at(-1)!);
      expect(finish).toBe(ended ? "stop" : "length");
      expect(ended || tokens.length === 40).toBe(true);
    });
  });

  test("as wide as all beginnings, it finds the mode", async () => {
    const { vocabSize } = runtime.model.config;
    const [found] = await search(vocabSize, 2, vocabSize, requests([[1, 17, 42]]));
    let mode: Scored = { tokens: [], logProb: -Infinity };
    const { eosTokenIds } = runtime.model.config;
    const first = logSoftmax(logitsOf([1, 17, 42]).at(-1)!);
    first.forEach((logProb, token) => {
      const whole = eosTokenIds.includes(token);
      const second = whole ? [0] : Array.from(logSoftmax(logitsOf([1, 17, 42, token]).at(-1)!));
      second.forEach((more, next) => {
        if (logProb + more > mode.logProb)
          mode = { tokens: whole ? [token] : [token, next], logProb: logProb + more };
      });
    });
    expect(found!.tokens).toEqual(mode.tokens);
    expect(total(found!)).toBeCloseTo(mode.logProb, 4);
  });

  test("searches with an adapter too, finds nothing for no prompt, and stops when it is told", async () => {
    const adapter = await runtime.adapter(await tinyAdapter());
    const greedy = { temperature: 1, maxTokens: 8, seed: 0, greedy: true, rows: 64 };
    const [own, wanted] = await Promise.all([
      collect(runtime.beam(requests(), { width: 1, maxTokens: 8, rows: 64 }, adapter)),
      collect(runtime.draw(requests(), greedy, adapter)),
    ]);
    expect(byTag(own)).toEqual(byTag(wanted));
    expect(byTag(own)).not.toEqual(await search(1, 8));
    expect(await search(3, 8, 64, [])).toEqual([]);
    const options = { width: 2, maxTokens: 8, rows: 64, signal: AbortSignal.abort() };
    await expect(collect(runtime.beam(requests(), options))).rejects.toThrow(InterruptedError);
  });
});
