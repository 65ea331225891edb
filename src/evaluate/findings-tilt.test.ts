import { describe, expect, it } from "vitest";
import { tiltFindings } from "./findings-tilt.js";
import type { Estimate, TiltMetrics } from "./metrics.js";

const exact = (value: number): Estimate => ({ value, low: value, high: value });

/** A point of the curve. */
const point = (beta: number, kl: number, accuracy: number, effectiveResponses = 10): TiltMetrics => ({
  beta,
  reward: exact(0),
  logLikelihood: exact(-5 + kl),
  accuracy: exact(accuracy),
  kl: exact(kl),
  effectiveResponses,
});

const curve = [point(1, 0.5, 0.3), point(0.5, 1.5, 0.5), point(0.1, 3, 0.6, 1.5)];
describe("target and fit", () => {
  const epochs = [0, 1].map((epoch) => ({ epoch, validationLoss: 1 - epoch }));
  const adapter = {
    ...{ accuracy: exact(0.28), logLikelihood: exact(-4.6), kl: exact(1) },
    ...{ epochs, keptEpoch: 1 },
  };
  const metrics = (labelled: boolean) =>
    ({
      labelled,
      base: { accuracy: exact(0.2), logLikelihood: exact(-5) },
      tilt: { "self-certainty": curve, flat: [] },
      adapters: { sft: adapter, old: { ...adapter, kl: undefined } },
    }) as unknown as Parameters<typeof tiltFindings>[0];
  const words = (name: string) => ({ name: name.toUpperCase(), iterate: "epoch" as const });

  it("names the best point that more than the best response holds up, and each adapter's own distance", () => {
    expect(tiltFindings(metrics(true), words)).toEqual([
      "What training on a reward could give: weighed from the base's draws, one sample of π·exp(r/β) is right on 50.0 % by self-certainty " +
        "(β = 0.5), each β picked after looking; one sample of the base is right on 20.0 %.",
      "One sample of the SFT adapter, 1.00 nats (KL) from the base, is right on 28.0 %; the base tilted as far is right on 40.0 % by " +
        "self-certainty. The difference is what training misses.",
    ]);
  });

  it.each([
    [-0.1, "20.0 %"],
    [0, "20.0 %"],
    [0.25, "25.0 %"],
    [0.5, "30.0 %"],
    [1, "40.0 %"],
    [3, "60.0 %"],
    [9, "60.0 %"],
  ])("reads the curve at %d nats, linear between its points, the base at 0", (kl, said) => {
    const adapters = { sft: { ...adapter, kl: exact(kl) } };
    const [, sentence] = tiltFindings({ ...metrics(true), adapters } as never, words);
    expect(sentence).toContain(`the base tilted as far is right on ${said} by self-certainty.`);
  });

  it("says that training misses something where it does, and nothing of an adapter that is the base", () => {
    const fit = (of: object): string[] =>
      tiltFindings({ ...metrics(true), adapters: { sft: { ...adapter, ...of } } } as never, words).slice(1);
    expect(fit({ accuracy: exact(0.39) })[0]).toMatch(/misses\.$/);
    expect(fit({ accuracy: exact(0.41) })[0]).toMatch(/right on 40\.0 % by self-certainty\.$/);
    expect(fit({ keptEpoch: 0, kl: exact(0) })).toEqual([]);
  });

  it("speaks of log-likelihood alone without labels, and of nothing without a curve", () => {
    expect(tiltFindings(metrics(false), words).join(" ")).toMatch(
      /log-likelihood of −3\.50 .* −4\.60; .* −4\.00/,
    );
    expect(tiltFindings({ ...metrics(true), tilt: {} }, words)).toEqual([]);
  });
});
