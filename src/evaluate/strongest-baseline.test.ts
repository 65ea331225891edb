import { expect, it } from "vitest";
import { findings } from "./findings.js";
import type { Estimate, Metrics } from "./metrics.js";
import { shortName, strongestBaseline } from "./strongest-baseline.js";

const at = (value: number, half = 0.02): Estimate => ({ value, low: value - half, high: value + half });
const answer = (accuracy: number) => ({ accuracy: at(accuracy), logLikelihood: at(-3), length: at(9) });

/** Best-of-8 is right on 60 %, greedy on 50, a beam on 58, one sample at temperature 0.5 on 40. */
const choice = {
  ...answer(0.6),
  liftPoints: at(0.1),
  gainOver: { "temperature 0.5": at(0.2), "beam search of width 4": at(0.02, 0.05) },
};
const metrics = {
  prompts: 64,
  labelled: true,
  labelledPrompts: 64,
  greedy: answer(0.5),
  base: { ...answer(0.3), liftPoints: at(-0.2) },
  baselines: { "temperature 0.5": answer(0.4), "beam search of width 4": answer(0.58) },
  bestOfN: { "log-likelihood": { "8": choice } },
  adapters: {},
} as unknown as Metrics;

it("a choice is held against the strongest of greedy and what the base gives when asked in other ways", () => {
  const strongest = strongestBaseline(choice, metrics)!;
  expect(strongest).toEqual({
    name: "the base's beam search of width 4",
    accuracy: at(0.58),
    gain: at(0.02, 0.05),
  });
  expect(findings(metrics).join(" ")).toContain(
    "Best-of-8 with log-likelihood is neither clearly better nor clearly worse than the base's beam search of width 4: " +
      "60.0 % against 58.0 % (+2.0 points [−3.0, +7.0]).",
  );
  const { gainOver: _, ...plain } = choice;
  expect(shortName(strongestBaseline(plain, metrics)!)).toBe("greedy");
  const without = { ...metrics, bestOfN: { "log-likelihood": { "8": plain } } } as unknown as Metrics;
  expect(findings(without).join(" ")).toContain(
    "Best-of-8 with log-likelihood beats greedy: 60.0 % against 50.0 %",
  );
});

it("one sample of an adapter is held against one sample of the base as well; nothing is without labels", () => {
  const adapter = { ...choice, accuracyGain: at(0.3), gainOver: {} };
  expect(strongestBaseline(adapter, metrics)!.gain).toEqual(at(0.1));
  const strong = { ...metrics, base: answer(0.7) } as unknown as Metrics;
  expect(strongestBaseline(adapter, strong)!.name).toBe("one sample of the base");
  const { accuracy: __, ...unlabelled } = choice;
  expect(strongestBaseline(unlabelled, metrics)).toBeUndefined();
});
