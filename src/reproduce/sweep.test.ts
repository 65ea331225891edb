import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { methodNamed } from "../sharpen/methods/registry.js";
import { PAPER_SWEEP, sweptMethods } from "./sweep.js";

const [sft, xpo] = [methodNamed("sft"), methodNamed("xpo")];

describe("a sweep", () => {
  it("has every combination of the paper's ranks and weight decays, each a method of its own", () => {
    const variants = sweptMethods([sft], PAPER_SWEEP);
    expect(variants.map(({ swept }) => [swept.fit.rank, swept.fit.weightDecay])).toEqual(
      [8, 16].flatMap((rank) => [0, 0.1, 0.5, 1].map((decay) => [rank, decay])),
    );
    const names = variants.map(({ method }) => method.name);
    expect(new Set(names).size).toBe(8);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
    expect(variants[1]!.method.title).toBe("SFT, rank = 8, weightDecay = 0.1");
    // Same draws and plan, and the settings that are known for the method itself.
    expect(variants[1]!.method).toMatchObject({ plan: sft.plan, draws: sft.draws, presetsOf: "sft" });
  });

  it("sweeps a method's own settings, and schedules by name", () => {
    const variants = sweptMethods(
      [xpo],
      [
        { setting: "optimism", values: ["0", "0.04"] },
        { setting: "schedule", values: ["linear", "cosine"] },
      ],
    );
    expect(variants.map(({ swept }) => [swept.own["optimism"], swept.fit.schedule])).toEqual([
      [0, "linear"],
      [0, "cosine"],
      [0.04, "linear"],
      [0.04, "cosine"],
    ]);
  });

  it.each([
    [
      "a setting of another method",
      [{ setting: "optimism", values: ["0"] }],
      /SFT has no setting "optimism"/,
    ],
    ["no number", [{ setting: "rank", values: ["eight"] }], /rank is a number.*"eight"/],
    [
      "a setting twice",
      [
        { setting: "rank", values: ["8"] },
        { setting: "rank", values: ["16"] },
      ],
      /rank is swept twice/,
    ],
  ])("refuses %s", (_, axes, message) => {
    expect(() => sweptMethods([sft], axes)).toThrow(UsageError);
    expect(() => sweptMethods([sft], axes)).toThrow(message);
  });
});
