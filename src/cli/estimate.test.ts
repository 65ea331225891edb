import { expect, it } from "vitest";
import { promptsOf, wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import { dpo } from "../sharpen/methods/dpo.js";
import { sft } from "../sharpen/methods/sft.js";
import { estimateInWords, estimateOf, measureDrawing, plannedWork } from "./estimate.js";
import { trainingSettings } from "./settings.js";

const split = (test: number, train: number) => ({
  test: promptsOf(test),
  train: promptsOf(train),
  validation: [],
});

it("counts what is drawn and trained: the run's, and each method's own", () => {
  expect(plannedWork(split(10, 100), 50, [])).toEqual({ drawn: 510, trained: 0 });
  const of = (method: typeof sft) =>
    trainingSettings(
      method,
      { epochs: 3, curveSamples: 2, trainPrompts: 40 },
      { n: 50, seed: 0, preset: undefined },
    );
  // 40 prompts with 50 responses, the adapter's 510, and four points of two samples each.
  const ofSft = 40 * 50 + 510 + 4 * 10 * 2;
  expect(plannedWork(split(10, 100), 50, [of(sft)])).toEqual({ drawn: 510 + ofSft, trained: 40 * 3 });
  const { trainN } = of(dpo);
  const ofDpo = 40 * trainN + 510 + 80;
  expect(plannedWork(split(10, 100), 50, [of(sft), of(dpo)])).toEqual({
    drawn: 510 + ofSft + ofDpo,
    trained: 120 + 120 * trainN,
  });
  const whole = trainingSettings(sft, { full: true }, { n: 50, seed: 0, preset: undefined });
  expect(plannedWork(split(10, 100), 50, [whole]).full).toBe(true);
  expect(plannedWork(split(10, 0), 50, [of(sft)])).toEqual({ drawn: 510, trained: 0 });
});

it("measures for three seconds by the clock it is lent, and draws no further", async () => {
  let time = 0;
  let pulled = 0;
  const policy = wordPolicy();
  const watched = {
    ...policy,
    sample: (requests: Parameters<typeof policy.sample>[0], options: Parameters<typeof policy.sample>[1]) =>
      policy.sample(
        (function* () {
          for (const request of requests as Iterable<never>) {
            pulled++;
            yield request;
          }
        })(),
        options,
      ),
  };
  const options = { n: 1000, temperature: 1, maxTokens: 9, seed: 0 };
  const measured = await measureDrawing(watched, promptsOf(2), options, () => (time += 10));
  // One token each ten milliseconds.
  expect(measured.tokensPerSecond).toBeCloseTo(100, 0);
  expect(measured.seconds).toBe(3);
  expect(measured.meanTokens).toBeGreaterThan(1);
  expect(measured.meanTokens).toBeCloseTo(301 / pulled, 0);
  expect(pulled).toBeLessThan(301);
});

it("says what a run takes", () => {
  const measured = { tokensPerSecond: 100, meanTokens: 20, seconds: 3 };
  const estimate = estimateOf({ drawn: 36_000, trained: 370 }, measured, 1.25e9);
  expect(estimate).toMatchObject({ tokens: 720_000, seconds: 7200 + 100 });
  expect(estimateInWords(estimate)).toBe(
    "About 2.0 hours: 36,000 responses to draw (720,000 tokens, at the 100 tokens/s that were measured), " +
      "and 370 passes of training over one; 1.3 GB of memory so far.",
  );
  expect(estimateInWords(estimateOf({ drawn: 10, trained: 5 }, measured, 1.25e9, 4.3e9))).toMatch(
    /; 1\.3 GB of memory so far, and about 4\.3 GB more to train every weight\.$/,
  );
  expect(estimateInWords(estimateOf({ drawn: 10, trained: 0 }, measured))).toMatch(
    /^About 2 s: 10 responses/,
  );
});
