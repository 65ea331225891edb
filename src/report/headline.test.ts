import { describe, expect, it } from "vitest";
import type { Metrics } from "../evaluate/metrics.js";
import { headline } from "./headline.js";
import { syntheticRun } from "./synthetic-run.test-helper.js";

const exact = (value: number, low = value, high = value): { value: number; low: number; high: number } => ({
  value,
  low,
  high,
});

/** A run with one adapter whose gain is as given; everything else fixed. */
function metrics(gain: { value: number; low: number; high: number }, labelled = true): Metrics {
  const { metrics: base } = syntheticRun({ prompts: 12, n: 2, labelled });
  const adapter = Object.values(base.adapters)[0];
  if (adapter === undefined) throw new Error("no adapter");
  return {
    ...base,
    greedy: { ...base.greedy, ...(labelled ? { accuracy: exact(0.2) } : {}) },
    base: { ...base.base, ...(labelled ? { accuracy: exact(0.271) } : {}), logLikelihood: exact(-14.2) },
    adapters: {
      sft: {
        ...adapter,
        ...(labelled ? { accuracy: exact(0.271 + gain.value), accuracyGain: gain } : {}),
        logLikelihood: exact(-11),
        logLikelihoodGain: labelled ? exact(3.2) : gain,
      },
    },
  };
}

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("headline", () => {
  it("says that sharpening helped only where the interval is above 0", () => {
    const up = headline(metrics({ value: 0.063, low: 0.041, high: 0.085 }));
    expect(up.direction).toBe("up");
    expect(plain(up.title)).toBe(
      "One sample after SFT-sharpening is right more often than one sample of the base: 33.4 % against 27.1 %",
    );
    expect(plain(up.lead)).toMatch(
      /^\+6\.3 points over one sample of the base \(95 % interval \+4\.1 to \+8\.5\): it helped\. /,
    );
  });

  it("says when it hurt, and when nothing is clear", () => {
    const down = headline(metrics({ value: -0.05, low: -0.08, high: -0.02 }));
    expect(plain(down.title)).toBe(
      "One sample after SFT-sharpening is right less often than one sample of the base: 22.1 % against 27.1 %",
    );
    expect(down.lead).toContain("it does not pay");
    const unclear = headline(metrics({ value: 0.01, low: -0.02, high: 0.04 }));
    expect(plain(unclear.title)).toBe(
      "One sample after SFT-sharpening is not clearly more or less often right than one sample of the base: 28.1 % against 27.1 %",
    );
  });

  it("holds it against the base's greedy response where that is the stronger baseline", () => {
    const run = metrics(exact(0.063, 0.041, 0.085));
    const sft = { ...run.adapters["sft"]!, liftPoints: exact(-0.066, -0.09, -0.04) };
    const { title, lead, direction } = headline({
      ...run,
      greedy: { ...run.greedy, accuracy: exact(0.4) },
      adapters: { sft },
    });
    expect(direction).toBe("down");
    expect(plain(title)).toBe(
      "One sample after SFT-sharpening is right less often than the base's greedy response: 33.4 % against 40.0 %",
    );
    expect(plain(lead)).toMatch(/^−6\.6 points over the base's greedy response .*: it does not pay\. /);
  });

  it("claims nothing that all comparisons of the page overrule, and prints the interval that says so", () => {
    const run = metrics(exact(0.05, 0.001, 0.099));
    const crowd = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => {
        const liftPoints = exact(0, -0.1 - i / 100, 0.1);
        return [`r${i}`, { 2: { logLikelihood: exact(-6), length: exact(20), liftPoints } }];
      }),
    );
    const { title, lead, direction } = headline({ ...run, bestOfN: crowd });
    expect(direction).toBe("unclear");
    expect(title).toContain("is not clearly more or less often right");
    const said =
      /95 % interval \+0\.1 to \+9\.9; (−[\d.]+) to \+[\d.]+ among all \d+ comparisons of this page\): no clear difference/;
    expect(plain(lead)).toMatch(said);
  });

  it("says that few prompts are too few, in title and verdict, whatever the interval", () => {
    const run = { ...metrics(exact(0.063, 0.041, 0.085)), prompts: 6, labelledPrompts: 6 };
    const { title, lead, direction } = headline(run);
    expect(direction).toBe("few");
    expect(title).toContain("too few prompts to say how it compares with one sample of the base");
    expect(lead).toContain("too few prompts to say");
  });

  it("says where the adapter is the base", () => {
    const run = metrics(exact(0));
    const sft = { ...run.adapters["sft"]!, accuracy: exact(0.271), keptEpoch: 0 };
    const { title, direction } = headline({ ...run, adapters: { sft } });
    expect(direction).toBe("unclear");
    expect(plain(title)).toBe(
      "SFT-sharpening found nothing better than the base, and its adapter is the base: the accuracy of a single sample stays 27.1 %",
    );
  });

  it("without labels speaks of log-likelihood and never of accuracy", () => {
    const { title, lead, claims } = headline(metrics(exact(3.2, 2.9, 3.5), false));
    expect(plain(title)).toBe(
      "SFT-sharpening raised the log-likelihood of a single sample from −14.20 to −11.00 nats",
    );
    expect(lead).toContain("This task has no labels");
    expect([title, lead, ...claims.map((c) => c.text)].join(" ")).not.toMatch(
      /accura|right for|%\s*of prompts/i,
    );
  });

  it("without an adapter compares best-of-N with greedy and owns to having picked the best", () => {
    const { metrics: m } = syntheticRun({ prompts: 12, n: 2, methods: [] });
    const answer = { logLikelihood: exact(-6), length: exact(20) };
    const searched: Metrics = {
      ...m,
      greedy: { ...answer, accuracy: exact(0.43) },
      bestOfN: {
        a: {
          1: { ...answer, accuracy: exact(0.2) },
          2: { ...answer, accuracy: exact(0.4), liftPoints: exact(-0.03, -0.05, -0.01) },
        },
        b: { 2: { ...answer, accuracy: exact(0.46), liftPoints: exact(0.03, -0.01, 0.07) } },
      },
    };
    const { title, lead, claims } = headline(searched);
    expect(plain(title)).toBe(
      "Best-of-2 by b does no clearly better than greedy decoding: 46.0 % against 43.0 %",
    );
    expect(lead).toContain("It is the best of 2 self-rewards, picked after measuring.");
    expect(plain(claims[0]?.text ?? "")).toBe(
      "Right for 40.0 % (40.0 to 40.0); greedy, for 43.0 % (43.0 to 43.0). −3.0 points (−5.0 to −1.0): a loss.",
    );
  });
});
