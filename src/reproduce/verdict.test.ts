import { describe, expect, it } from "vitest";
import { claims } from "../evaluate/declared.js";
import type { Estimate, Metrics } from "../evaluate/metrics.js";
import { paperPreset } from "./paper-settings.js";
import type { Verdict } from "./result.js";
import { amortizedVerdict, inferenceVerdict } from "./verdict.js";

const at = (value: number, half: number): Estimate => ({ value, low: value - half, high: value + half });

/** 40 prompts, N = 8; log-likelihood changes accuracy by `lift` and length by `shorter` of 20 tokens. */
function metricsOf(lift: Estimate, shorter: number, auc: Estimate): Metrics {
  const answer = { accuracy: at(0.5 + lift.value, 0.05), logLikelihood: at(-9, 1), length: at(20, 1) };
  const best = (liftPoints: Estimate, lengthChange: Estimate) => ({
    ...answer,
    liftPoints,
    lengthChange,
    length: at(20 + lengthChange.value, 1),
    logLikelihoodLift: at(-3, 1),
  });
  const histogram = { edges: [-1, 0], counts: [1] };
  return {
    task: "t",
    model: "m",
    prompts: 40,
    labelledPrompts: 40,
    n: 8,
    temperature: 1,
    labelled: true,
    greedy: { ...answer, accuracy: at(0.5, 0.1) },
    base: { ...answer, accuracy: at(0.3, 0.1), liftPoints: at(-0.2, 0.1) },
    bestOfN: {
      "log-likelihood": { "8": best(lift, at(-shorter, 1)) },
      "length-normalized": { "8": best(at(0.1, 0.05), at(0, 1)) },
    },
    histograms: { all: histogram },
    auc: { "log-likelihood": auc },
    adapters: {},
    findings: [],
    seconds: {},
  };
}

describe("a verdict", () => {
  it("says that it hurts, and shows why: weak draws, wrong ranking, short answers, a mode not reached", () => {
    const verdict = inferenceVerdict(metricsOf(at(-0.1, 0.05), 6, at(0.4, 0.05)))!;
    expect(verdict.direction).toBe("down");
    expect(verdict.sentence).toBe(
      "Hurts: best-of-8 by log-likelihood is right less often than greedy, 40.0 % against 50.0 % (−10.0 points [−15.0, −5.0]).",
    );
    expect(verdict.reasons.join(" ")).toMatch(
      /One sample at temperature 1 is right on 30\.0 %, worse than greedy .*ranks wrong ones above right ones \(AUC 0\.40 \[0\.35, 0\.45\].*Short answers are preferred: the choice takes 14\.0 tokens where the mean response takes 20\.0\..*does not reach the mode: even the likeliest of 8.*By length-normalized it does help: \+10\.0 points/,
    );
  });

  it("says that a base is weak whose greedy response is seldom or never right", () => {
    const metrics = metricsOf(at(-0.1, 0.05), 6, at(0.4, 0.05));
    const reasonsAt = (accuracy: number): string =>
      inferenceVerdict({
        ...metrics,
        greedy: { ...metrics.greedy, accuracy: at(accuracy, 0) },
      })!.reasons.join(" ");
    expect(reasonsAt(0)).toContain("The base is weak here: greedy is never right.");
    expect(reasonsAt(0.02)).toContain("The base is weak here: greedy is right on 2.0 % of the prompts only.");
    expect(reasonsAt(0.5)).not.toContain("weak");
  });

  it("gives no reasons where it helps, and claims nothing where the interval holds 0", () => {
    expect(inferenceVerdict(metricsOf(at(0.1, 0.05), 6, at(0.7, 0.05)))).toEqual({
      direction: "up",
      sentence:
        "Helps: best-of-8 by log-likelihood is right more often than greedy, 60.0 % against 50.0 % (+10.0 points [+5.0, +15.0]).",
      reasons: [],
    });
    // A help that is below a guess is called one, and what it is.
    const [guess, ...none] = inferenceVerdict({
      ...metricsOf(at(0.1, 0.05), 6, at(0.7, 0.05)),
      chance: 0.9,
    })!.reasons;
    expect(guess).toMatch(/^A guess would be right on 90\.0 %, greedy is on 50\.0 %/);
    expect(none).toEqual([]);
    expect(inferenceVerdict(metricsOf(at(-0.1, 0.2), 0, at(0.5, 0.1)))!.direction).toBe("unclear");
    expect(
      inferenceVerdict({ ...metricsOf(at(-0.1, 0.05), 0, at(0.5, 0.1)), prompts: 5, labelledPrompts: 5 })!
        .direction,
    ).toBe("few");
  });
});

/** 40 prompts; one sample of the adapter has 10 points more than the base and than greedy. */
function amortizedOf(gain: Estimate): Parameters<typeof amortizedVerdict>[0] {
  const { greedy, base } = metricsOf(at(0, 0.1), 0, at(0.5, 0.1));
  const adapter = {
    ...greedy,
    accuracy: at(0.4, 0.05),
    accuracyGain: gain,
    liftPoints: gain,
    greedyLogLikelihood: at(-9, 1),
    logLikelihoodGain: at(1, 0.5),
  };
  return {
    prompts: 40,
    labelledPrompts: 40,
    greedy: { ...greedy, accuracy: at(0.3, 0.1) },
    base,
    adapter,
    epochs: [[]],
    keptEpochs: [1],
    trainingPrompts: 40,
    findings: [],
  };
}

/** Judged among the comparisons of this adapter alone. */
function verdictAlone(metrics: Parameters<typeof amortizedVerdict>[0]): Verdict | undefined {
  return amortizedVerdict(metrics, { ...metrics, bestOfN: {}, adapters: { sft: metrics.adapter } });
}

describe("the verdict on an adapter", () => {
  const helps = amortizedOf(at(0.1, 0.04));

  it("is the one of its run's page, which says clear only what is so among all of that page's comparisons", () => {
    // 2.5 standard errors from 0 (p = 0.016): clear among three comparisons (0.05/2 is asked, once the likelihood is clear), not among 17.
    const own = amortizedOf(at(0.1, 0.08));
    expect(verdictAlone(own)).toMatchObject({ direction: "up" });
    const rewards = Object.fromEntries(
      Array.from({ length: 6 }, (_, i) => [
        `reward ${i}`,
        { "8": { ...own.greedy, liftPoints: at(0, 0.1), lengthChange: at(0, 1) } },
      ]),
    );
    const page: Metrics = { ...metricsOf(at(0, 0.1), 0, at(0.5, 0.1)), bestOfN: rewards, adapters: {} };
    const among = { ...page, adapters: { sft: own.adapter } };
    const verdict = amortizedVerdict(own, among)!;
    expect(verdict.direction).toBe("unclear");
    const { clear, simultaneous } = claims(among).get(own.adapter.accuracyGain!)!;
    expect(clear).toBe(false);
    expect(simultaneous.low).toBeLessThan(0);
    expect(verdict.sentence).toContain("among all 17 comparisons");
  });

  it("gives no reasons where it helps on other prompts and is above a guess", () => {
    expect(verdictAlone(helps)).toMatchObject({ direction: "up", reasons: [] });
    expect(verdictAlone({ ...helps, chance: 0.25 })!.reasons).toEqual([]);
  });

  it("says, helpful or not, that it learned from what is measured", () => {
    const told = /^Adapters learned from the very prompts that are measured/;
    for (const gain of [at(0.1, 0.04), at(0.1, 0.2)]) {
      const { reasons } = verdictAlone({ ...amortizedOf(gain), transductive: true })!;
      expect(reasons[0]).toMatch(told);
    }
    expect(verdictAlone(amortizedOf(at(0.1, 0.2)))!.reasons.join(" ")).not.toMatch(/very prompts/);
  });

  it("says, helpful or not, that what was kept has collapsed", () => {
    const told =
      "The adapter has collapsed: it answers in 8.0 tokens where the base takes 20.0. Do not use it, and train it more gently.";
    for (const gain of [at(0.1, 0.04), at(0.1, 0.2)]) {
      const own = amortizedOf(gain);
      // One seed of two is enough.
      const epochs = [[], []];
      const short = { ...own, epochs, keptEpochs: [1, 1], adapter: { ...own.adapter, length: at(8, 1) } };
      const { reasons } = verdictAlone(short)!;
      expect(reasons.filter((reason) => /tokens/.test(reason))).toEqual([told]);
    }
  });

  it("does not take an unclear gain for none", () => {
    const said = (gain: Estimate): string => verdictAlone(amortizedOf(gain))!.reasons.join(" ");
    expect(said(at(0.1, 0.2))).toContain("here the likelier is not clearly the more often right.");
    expect(said(at(-0.1, 0.04))).toContain("here the likelier is the less often right.");
  });

  it("says that nothing was learned where every seed kept the base, with labels and without", () => {
    const curve = [0, 1].map((epoch) => ({ epoch, validationLoss: 1 + epoch }));
    const own = amortizedOf(at(-0.1, 0.04));
    const nothing = { ...own, epochs: [curve, curve], keptEpochs: [0, 0] };
    const sentence =
      "Nothing was learned: on the validation prompts no iterate was better than the base, which was kept, and one sample of which is right on 40.0 %.";
    // That one sample of the base is below its greedy response is no harm that training did.
    expect(verdictAlone({ ...nothing, chance: 0.5 })).toEqual({
      direction: "unchanged",
      sentence,
      reasons: [],
    });
    const { accuracy: _one, accuracyGain: _gain, ...adapter } = own.adapter;
    expect(verdictAlone({ ...nothing, adapter })!.sentence).toBe(
      "Nothing was learned: on the validation prompts no iterate was better than the base, which was kept.",
    );
    const learned = verdictAlone({ ...nothing, keptEpochs: [0, 1] })!;
    expect(learned.direction).toBe("down");
    expect(learned.reasons[0]).toMatch(/^One sample of the base/);
  });

  it("says, helpful or not, where a guess would be right more often", () => {
    expect(verdictAlone({ ...helps, chance: 0.5 })!.reasons).toEqual([
      "A guess would be right on 50.0 %, greedy is on 30.0 % and one sample of the adapter on 40.0 %: below a guess, a gain says that " +
        "more responses give an answer, not that the model finds it.",
    ]);
  });
});

describe("the strongest baseline", () => {
  it("decides a choice's verdict where it is stronger than greedy", () => {
    const metrics = metricsOf(at(0.1, 0.05), 6, at(0.7, 0.05));
    const way = "beam search of width 4";
    const best = { ...metrics.bestOfN["log-likelihood"]!["8"]!, gainOver: { [way]: at(-0.1, 0.04) } };
    const beaten = {
      ...metrics,
      baselines: { [way]: { ...metrics.greedy, accuracy: at(0.7, 0.1) } },
      bestOfN: { ...metrics.bestOfN, "log-likelihood": { "8": best } },
    };
    expect(inferenceVerdict(beaten)).toMatchObject({
      direction: "down",
      sentence:
        "Hurts: best-of-8 by log-likelihood is right less often than the base's beam search of width 4, 60.0 % against 70.0 % (−10.0 points [−14.0, −6.0]).",
    });
  });
});

describe("the paper's settings", () => {
  it("are Table 1's for its models and tasks, and nothing for others", () => {
    expect(paperPreset("Phi-3.5-mini-instruct", "gsm8k")!.training["sft"]).toMatchObject({
      weightDecay: 0.5,
      rank: 16,
      batchSize: 4,
      epochs: 30,
    });
    expect(paperPreset("Mistral-7B-Instruct-v0.3", "math")!.training["sft"]).toMatchObject({
      weightDecay: 1,
      rank: 8,
      batchSize: 1,
      epochs: 10,
    });
    expect(paperPreset("mistral-7b", "gsm8k")!.training["sft"]).toMatchObject({
      weightDecay: 0,
      rank: 8,
      batchSize: 1,
      epochs: 10,
    });
    expect(paperPreset("game24", "game24")).toBeUndefined();
  });
});
