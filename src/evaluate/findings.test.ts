import { describe, expect, it } from "vitest";
import { findings, type FindingsInputs } from "./findings.js";
import type { AdapterMetrics, AnswerMetrics, BestOfNMetrics, Estimate } from "./metrics.js";

/** A figure and its interval's half-width. */
const about = (value: number, half = 0): Estimate => ({ value, low: value - half, high: value + half });
const nothing = about(0, 0.01);

const answers = (accuracy: number, parts: Partial<AnswerMetrics> = {}): AnswerMetrics => ({
  accuracy: about(accuracy, 0.03),
  logLikelihood: about(-20, 1),
  length: about(24, 1),
  ...parts,
});

/** Best-of-N accuracies by N against greedy at 0.4, each difference with the same half-width. */
function curve(byN: Record<string, number>, half = 0.02, last: Partial<BestOfNMetrics> = {}) {
  const largest = Math.max(...Object.keys(byN).map(Number));
  const end = byN[String(largest)]!;
  const sizes = Object.keys(byN).map(Number);
  return Object.fromEntries(
    Object.entries(byN).map(([n, accuracy]): [string, BestOfNMetrics] => [
      n,
      {
        ...answers(accuracy),
        liftPoints: about(accuracy - 0.4, half),
        accuracyToLargestN: about(end - accuracy, Number(n) === largest ? 0 : half),
        ...(Number(n) > sizes[0]! && {
          accuracyFromPrevious: about(accuracy - byN[String(sizes[sizes.indexOf(Number(n)) - 1])]!, half),
        }),
        ...(Number(n) === largest && last),
      },
    ]),
  );
}

const metrics = (parts: Partial<FindingsInputs>): FindingsInputs => ({
  task: "t",
  prompts: 256,
  n: 50,
  labelled: true,
  labelledPrompts: 256,
  greedy: answers(0.4),
  base: answers(0.27),
  bestOfN: {},
  adapters: {},
  ...parts,
});

describe("best-of-N with labels", () => {
  it("rises, saturates, and beats greedy", () => {
    const bestOfN = { majority: curve({ 1: 0.27, 5: 0.4, 10: 0.46, 25: 0.465, 50: 0.47 }) };
    expect(findings(metrics({ bestOfN }))).toEqual([
      "Best-of-50 with majority beats greedy: 47.0 % against 40.0 % (+7.0 points [+5.0, +9.0]).",
      "With majority, accuracy rises from 27.0 % at N = 1 to 47.0 % at N = 50 (+20.0 points [+18.0, +22.0]); " +
        "the last clear step is from N = 5 to N = 10 (+6.0 points [+4.0, +8.0]).",
    ]);
  });

  it("is still rising", () => {
    const bestOfN = { majority: curve({ 1: 0.27, 10: 0.35, 50: 0.41 }) };
    expect(findings(metrics({ bestOfN }))).toEqual([
      "Best-of-50 with majority is neither clearly better nor clearly worse than greedy: 41.0 % against 40.0 % (+1.0 points [−1.0, +3.0]).",
      "With majority, accuracy rises from 27.0 % at N = 1 to 41.0 % at N = 50 (+14.0 points [+12.0, +16.0]); " +
        "the last step, from N = 10 to N = 50, is still a clear one (+6.0 points [+4.0, +8.0]), so more may help.",
    ]);
  });

  it("rises to a peak and falls after it", () => {
    const [, trend] = findings(metrics({ bestOfN: { x: curve({ 1: 0.27, 5: 0.45, 10: 0.42, 50: 0.35 }) } }));
    expect(trend).toBe(
      "With x, accuracy rises from 27.0 % at N = 1 to 35.0 % at N = 50 (+8.0 points [+6.0, +10.0]). " +
        "It is highest at N = 5 (45.0 %), picked after looking at 4 sizes, and clearly lower at N = 50 (−10.0 points [−12.0, −8.0]): " +
        "other prompts have to confirm where to stop.",
    );
  });

  it("falls, and says not to", () => {
    const bestOfN = { "log-likelihood": curve({ 1: 0.27, 50: 0.2 }) };
    expect(findings(metrics({ bestOfN }))).toEqual([
      "Do not sharpen with log-likelihood on this task: best-of-50 is worse than greedy, 20.0 % against 40.0 % (−20.0 points [−22.0, −18.0]).",
      "With log-likelihood, accuracy falls as N grows, from 27.0 % at N = 1 to 20.0 % at N = 50 (−7.0 points [−9.0, −5.0]).",
    ]);
  });

  it("prints the interval that decides beside one that all comparisons together overrule", () => {
    const rising = curve({ 1: 0.27, 50: 0.28 }, 0.0075);
    const crowd = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`r${i}`, curve({ 1: 0.3, 50: 0.3 + i / 1e6 }, 0.05)]),
    );
    const said = (rewards: FindingsInputs["bestOfN"]) =>
      findings(metrics({ bestOfN: rewards })).find((text) => text.startsWith("With x, accuracy"));
    expect(said({ x: rising })).toMatch(/^With x, accuracy rises .* \(\+1\.0 points \[\+0\.3, \+1\.8\]\)/);
    expect(said({ x: rising, ...crowd })).toMatch(
      /^With x, accuracy does not change clearly .* \(\+1\.0 points \[\+0\.3, \+1\.8\], \[−0\.\d, \+2\.\d\] among all \d+ comparisons\)/,
    );
  });

  it("claims nothing where the interval holds 0, the prompts are few, or the difference is rounding", () => {
    const unclear = /does not change clearly with N/;
    expect(findings(metrics({ bestOfN: { x: curve({ 1: 0.4, 50: 0.41 }, 0.05) } }))[1]).toMatch(unclear);
    expect(findings(metrics({ bestOfN: { x: curve({ 1: 0.4, 50: 0.4 + 1e-15 }, 0) } }))[1]).toMatch(unclear);
    const few = findings(metrics({ labelledPrompts: 9, bestOfN: { x: curve({ 1: 0.2, 50: 0.6 }) } }));
    expect(few[0]).toBe(
      "Only 9 prompts with a label were measured: too few to call any difference in accuracy clear.",
    );
    expect(few[1]).toMatch(/; too few prompts to say\.$/);
    expect(few[2]).toMatch(/^With x, too few prompts to say whether accuracy changes with N/);
    expect(findings(metrics({ labelledPrompts: 1 }))).toEqual([
      "Only 1 prompt with a label was measured: too few to call any difference in accuracy clear.",
    ]);
  });
});

describe("log-likelihood's own", () => {
  const own = (parts: Partial<BestOfNMetrics>, steps = { 1: 10, 5: 4, 10: 1, 50: 0 }) =>
    Object.fromEntries(
      Object.entries(steps).map(([n, rest]): [string, BestOfNMetrics] => [
        n,
        {
          logLikelihood: about(-10),
          length: about(18, 1),
          logLikelihoodToLargestN: about(rest, rest / 4),
          ...parts,
        },
      ]),
    );
  const unlabelled = (bestOfN: FindingsInputs["bestOfN"]) =>
    findings(metrics({ labelled: false, labelledPrompts: 0, bestOfN })).slice(1);

  it("saturation, without labels", () => {
    expect(unlabelled({ "log-likelihood": own({}) })).toEqual([
      "Choosing by log-likelihood raises the log-likelihood by +10.0 nats [+7.5, +12.5] from N = 1 to N = 50; " +
        "nine tenths of that are there at N = 10.",
    ]);
    expect(unlabelled({ "log-likelihood": own({}, { 1: 10, 5: 6, 10: 3, 50: 0 }) })[0]).toMatch(
      /it has not levelled off before N = 50\.$/,
    );
  });

  it("against greedy's likelihood", () => {
    expect(unlabelled({ "log-likelihood": own({ logLikelihoodLift: about(2, 1) }) })[1]).toBe(
      "The likeliest of 50 is likelier than the greedy response (+2.0 nats [+1.0, +3.0]): sampling finds what greedy misses.",
    );
    expect(unlabelled({ "log-likelihood": own({ logLikelihoodLift: about(-3, 1) }) })[1]).toMatch(
      /^Even the likeliest of 50 is less likely than the greedy response \(−3\.0 nats/,
    );
    expect(unlabelled({ "log-likelihood": own({ logLikelihoodLift: about(0, 1) }) })).toHaveLength(1);
  });

  it("preference for short responses", () => {
    expect(unlabelled({ "log-likelihood": own({ lengthChange: about(-6, 1) }) })[1]).toBe(
      "Log-likelihood prefers short responses: at N = 50 it chooses 18.0 tokens where the mean is 24.0 " +
        "(−6.0 tokens [−7.0, −5.0]). If short answers skip the reasoning, length-normalized or majority is safer.",
    );
    // Clear, but a matter of half a token of 24; or large, but not clear.
    expect(unlabelled({ "log-likelihood": own({ lengthChange: about(-0.5, 0.1) }) })).toHaveLength(1);
    expect(unlabelled({ "log-likelihood": own({ lengthChange: about(-6, 7) }) })).toHaveLength(1);
  });
});

describe("coverage", () => {
  it("names the gap to the best reward", () => {
    const bestOfN = { a: curve({ 50: 0.42 }), b: curve({ 50: 0.47 }) };
    const found = findings(metrics({ bestOfN, coverage: { 1: about(0.27), 50: about(0.94) } }));
    expect(found.at(-1)).toBe(
      "On 94.0 % of the prompts at least one of 50 responses is correct; the best reward, b, is right on 47.0 %: " +
        "47.0 points are left for a better self-reward.",
    );
  });

  it("says when there is nothing to find", () => {
    expect(findings(metrics({ coverage: { 50: about(0.41) } }))).toEqual([
      "Coverage at 50 is 41.0 % and greedy is right on 40.0 %: there is hardly anything for a self-reward to find.",
    ]);
    expect(findings(metrics({ coverage: { 50: about(0) } }))[0]).toMatch(
      /^None of the 50 responses to any prompt is correct/,
    );
  });
});

describe("which reward to use, by AUC", () => {
  it("the best, if it is clear", () => {
    const aucBelowBest = { a: about(0.21, 0.03) };
    expect(findings(metrics({ auc: { a: about(0.6, 0.02), b: about(0.81, 0.03) }, aucBelowBest }))).toEqual([
      "Of a prompt's responses b tells right from wrong best (AUC 0.81 [0.78, 0.84]): use it.",
    ]);
  });

  it("not which of two, unless their paired difference is clear, however their own intervals overlap", () => {
    const auc = { a: about(0.78, 0.02), b: about(0.81, 0.03) };
    expect(findings(metrics({ auc, aucBelowBest: { a: about(0.03, 0.04) } }))).toEqual([
      "Of a prompt's responses b tells right from wrong best (AUC 0.81 [0.78, 0.84]), a not clearly worse (AUC 0.78 [0.76, 0.80], " +
        "paired difference 0.03 [−0.01, 0.07]): these prompts do not tell which of the two is better.",
    ]);
    expect(findings(metrics({ auc, aucBelowBest: { a: about(0.03, 0.01) } }))[0]).toMatch(/: use it\.$/);
  });

  it("none, if none beats chance; and never one that is worse than it", () => {
    const found = findings(metrics({ auc: { a: about(0.51, 0.02), b: about(0.4, 0.03) } }));
    expect(found).toEqual([
      "No reward clearly tells right from wrong better than chance (the best is a, AUC 0.51 [0.49, 0.53]): do not choose by them on this task.",
      "B ranks wrong responses above right ones (AUC 0.40 [0.37, 0.43]): avoid it on this task.",
    ]);
    expect(findings(metrics({ auc: { a: about(0.51, 0.02) } }))[0]).toMatch(
      /^A does not clearly tell right from wrong better/,
    );
  });

  it("nothing, where few prompts have both right and wrong responses", () => {
    const auc = { a: about(0.36, 0), b: about(0.9, 0.05) };
    expect(findings(metrics({ auc, mixedPrompts: 2 }))).toEqual([
      "Only 2 prompts have both right and wrong responses: too few to say which reward tells them apart.",
    ]);
    expect(findings(metrics({ auc, mixedPrompts: 1 }))[0]).toMatch(/^Only 1 prompt has both/);
    expect(findings(metrics({ auc, mixedPrompts: 10 }))[0]).toMatch(/b tells right from wrong best/);
  });

  it("not one that loses to greedy all the same", () => {
    const found = findings(metrics({ auc: { a: about(0.7, 0.02) }, bestOfN: { a: curve({ 50: 0.3 }) } }));
    expect(found[1]).toMatch(/AUC 0\.70 \[0\.68, 0\.72\]\): and yet choosing by it is worse than greedy\.$/);
  });
});

describe("without labels", () => {
  const unlabelled = (agreement: Record<string, number>) =>
    findings(metrics({ labelled: false, labelledPrompts: 0, agreement }));

  it("tells what it does not know, and how far the rewards agree", () => {
    expect(unlabelled({ "a|b": 0.7, "a|c": 0.6, "b|c": 0.9 })).toEqual([
      "No prompt has a label, so accuracy is unknown: what follows says how far the model agrees with itself, not whether it is right.",
      "A and c choose the same answer on 60.0 % of the prompts, b and c on 90.0 % of the prompts.",
    ]);
    expect(unlabelled({ "a|b": 0.7 })[1]).toBe("A and b choose the same answer on 70.0 % of the prompts.");
    expect(unlabelled({ "a|b": 0.97, "a|c": 1 })[1]).toBe(
      "A and b choose the same answer on 97.0 % of the prompts, other pairs at least as often: it hardly matters which is used.",
    );
  });
});

describe("adaptive best-of-N", () => {
  it("reports the cap", () => {
    const adaptive = { ...answers(0.4), meanN: 41.26, capped: 200, cap: 50 };
    expect(findings(metrics({ adaptive }))).toEqual([
      "Adaptive best-of-N drew 41.3 responses per prompt, and hit its cap of 50 on 200 of 256 prompts before its rule fired: " +
        "there the paper's guarantee does not hold.",
    ]);
    expect(findings(metrics({ adaptive: { ...adaptive, capped: 0 } }))[0]).toMatch(
      /its rule fired on every prompt\.$/,
    );
  });
});

describe("adapters", () => {
  const adapter = (parts: Partial<AdapterMetrics>): FindingsInputs["adapters"] => ({
    sft: {
      ...answers(0.33),
      greedyLogLikelihood: about(-12),
      logLikelihoodGain: nothing,
      epochs: [],
      keptEpoch: 3,
      trainingPrompts: 100,
      trainingSamples: 50,
      ...parts,
    },
  });
  const told = (parts: Partial<AdapterMetrics>, more: Partial<FindingsInputs> = {}) =>
    findings(metrics({ adapters: adapter(parts), ...more }));

  it("that helped, and paid in coverage", () => {
    const found = told({
      accuracyGain: about(0.06, 0.03),
      logLikelihoodGain: about(4, 0.5),
      liftPoints: about(-0.07, 0.02),
      coverage: { 1: about(0.33), 10: about(0.71, 0.02) },
      coverageChange: { 1: about(0.06, 0.03), 10: about(-0.2, 0.04) },
    });
    expect(found).toEqual([
      "The sft adapter does not pay: one sample is right on 33.0 % of the prompts, the base's greedy response on 40.0 % " +
        "(−7.0 points [−9.0, −5.0]), so without training one has more.",
      "One sample of the sft adapter is right more often than one sample of the base (27.0 %, +6.0 points [+3.0, +9.0]).",
      "The sft adapter answers with what the base finds likelier (+4.0 nats [+3.5, +4.5] in log-likelihood under the base).",
      "The sft adapter pays with diversity: coverage at 10 falls from 91.0 % to 71.0 % (−20.0 points [−24.0, −16.0]).",
    ]);
  });

  it("that hurt, and did not sharpen", () => {
    const found = told({
      accuracyGain: about(-0.06, 0.03),
      logLikelihoodGain: about(-4, 0.5),
      liftPoints: about(0.1, 0.02),
    });
    expect(found[0]).toMatch(
      /^The sft adapter helped: .* the base's greedy response on 40\.0 % \(\+10\.0 points/,
    );
    expect(found[1]).toMatch(
      /^One sample of the sft adapter is right less often than one sample of the base .*−6\.0/,
    );
    expect(found[2]).toMatch(/less likely \(−4\.0 nats .*in log-likelihood under the base\)\.$/);
  });

  it("that is unclear", () => {
    const unclear = { coverage: { 10: about(0.7) }, coverageChange: { 10: nothing } };
    expect(told({ accuracyGain: nothing, liftPoints: about(0, 0.01), ...unclear })).toEqual([
      "It is not clear whether the sft adapter helped: one sample is right on 33.0 % of the prompts, the base's greedy response on 40.0 % " +
        "(0.0 points [−1.0, +1.0]).",
      "It is not clearly more or less often right than one sample of the base (27.0 %, 0.0 points [−1.0, +1.0]).",
      "The sft adapter does not clearly change how likely its responses are under the base (0.0 nats [0.0, 0.0]).",
      "The sft adapter does not clearly change coverage at 10: 70.0 % to 70.0 % (0.0 points [−1.0, +1.0]).",
    ]);
  });

  it("is judged by one sample of the base where that is the stronger, and not at all on nine prompts", () => {
    const gain = { accuracyGain: about(0.06, 0.03), liftPoints: about(0.13, 0.03) };
    expect(told(gain, { greedy: answers(0.2) })[0]).toBe(
      "The sft adapter helped: one sample is right on 33.0 % of the prompts, one sample of the base on 27.0 % (+6.0 points [+3.0, +9.0]).",
    );
    expect(told(gain, { labelledPrompts: 9, prompts: 9 })[1]).toMatch(
      /^Too few prompts to say whether the sft adapter helped: /,
    );
  });

  it("that raised coverage, or collapsed", () => {
    expect(told({ coverage: { 10: about(0.7) }, coverageChange: { 10: about(0.1, 0.02) } })[1]).toMatch(
      /^The sft adapter raises coverage/,
    );
    expect(told({ length: about(7) }).at(-1)).toBe(
      "The sft adapter has collapsed: it answers in 7.0 tokens where the base takes 24.0. Do not use it, and train it more gently.",
    );
  });

  it("without labels: likelihood only", () => {
    const { accuracy: _, ...bare } = adapter({ logLikelihoodGain: about(4, 0.5) })["sft"]!;
    expect(findings(metrics({ labelled: false, labelledPrompts: 0, adapters: { sft: bare } }))).toEqual([
      "No prompt has a label, so accuracy is unknown: what follows says how far the model agrees with itself, not whether it is right.",
      "The sft adapter answers with what the base finds likelier (+4.0 nats [+3.5, +4.5] in log-likelihood under the base).",
    ]);
  });
});
