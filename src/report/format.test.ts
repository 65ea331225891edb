import { describe, expect, it } from "vitest";
import { sampleSizes } from "../evaluate/largest-n.js";
import {
  count,
  direction,
  duration,
  fixed,
  intervalInTable,
  intervalInWords,
  inWords,
  list,
  methodName,
  NATS,
  NATS_GAIN,
  PERCENT,
  POINTS,
} from "./format.js";

describe("format", () => {
  it("writes numbers with a true minus and never a negative zero", () => {
    expect(fixed(-1.25, 1)).toBe("−1.3");
    expect(fixed(-0.04, 1, true)).toBe("0.0");
    expect(fixed(2, 1, true)).toBe("+2.0");
    expect(fixed(NaN, 1)).toBe("–");
    expect(fixed(-Infinity, 1)).toBe("−∞");
  });

  it("writes estimates with unit and interval", () => {
    const e = { value: 0.3341, low: 0.301, high: 0.367 };
    expect(inWords(e.value, PERCENT)).toBe("33.4\u00a0%");
    expect(intervalInWords(e, PERCENT)).toBe("30.1 to 36.7");
    expect(intervalInTable({ value: 0, low: -0.012, high: 0.02 }, POINTS)).toBe("[−1.2, +2.0]");
    expect(inWords(-10.274, NATS)).toBe("−10.27\u00a0nats");
  });

  it("writes counts, durations and lists", () => {
    expect(count(1234567)).toBe("1,234,567");
    expect(duration(4.21)).toBe("4.2\u00a0s");
    expect(duration(200)).toBe("3\u00a0min 20\u00a0s");
    expect(list(["a", "b", "c"])).toBe("a, b and c");
    expect([methodName("sft"), methodName("power-alpha")]).toEqual(["SFT", "power-alpha"]);
    expect(methodName("adaptive-sft-log-likelihood")).toBe("Adaptive SFT by log-likelihood");
    expect(["sft", "dpo-majority", "mine"].map((name) => methodName(name, "-Sharpening"))).toEqual([
      "SFT-Sharpening",
      "DPO-Sharpening by majority",
      "mine-Sharpening",
    ]);
    expect(sampleSizes({ 10: 1, 2: 1, x: 1, 50: 1 })).toEqual([2, 10, 50]);
  });

  it("claims a direction only where the interval is clear of 0", () => {
    const run = { prompts: 12, bestOfN: {}, adapters: {} };
    expect(direction({ value: 1, low: 0.1, high: 2 }, POINTS, run)).toBe("up");
    expect(direction({ value: -1, low: -2, high: -0.1 }, POINTS, run)).toBe("down");
    expect(direction({ value: 1, low: 0, high: 2 }, POINTS, run)).toBe("unclear");
    // What is written as 0 is none: in points from a tenth on, in nats from a hundredth.
    const small = { value: 0.002, low: 0.001, high: 0.003 };
    expect(direction(small, POINTS, run)).toBe("up");
    expect(direction(small, NATS_GAIN, run)).toBe("unclear");
    expect(direction({ value: -1e-7, low: -2e-7, high: -1e-8 }, POINTS, run)).toBe("unclear");
    // Few prompts are too few to say; of accuracies those count that have a label.
    expect(
      direction({ value: 1, low: 0.1, high: 2 }, POINTS, { prompts: 9, bestOfN: {}, adapters: {} }),
    ).toBe("few");
    const few = { prompts: 12, labelledPrompts: 9, bestOfN: {}, adapters: {} };
    expect(direction({ value: 1, low: 0.1, high: 2 }, POINTS, few)).toBe("few");
    expect(direction({ value: 1, low: 0.1, high: 2 }, NATS_GAIN, few)).toBe("up");
  });
});
