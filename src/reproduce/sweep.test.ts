import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { rewardNamed } from "../reward/registry.js";
import type { Method } from "../sharpen/methods/method.js";
import { methodNamed } from "../sharpen/methods/registry.js";
import { cellName } from "./cell-name.js";
import { learningsOf } from "./learned-rewards.js";
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

  it("is told in words, by reward or not, where a registered method is told by its name", () => {
    const points = sweptMethods([sft], [{ setting: "learningRate", values: ["0.00005"] }]).map(
      ({ method }) => method,
    );
    const told = (methods: readonly Method[]): string[] =>
      learningsOf({ methods, rewards: ["log-likelihood", "majority"].map(rewardNamed) }).map(({ method }) =>
        cellName({ ...{ model: "m", task: "t", trainN: 8 }, method: method.name, title: method.title }),
      );
    expect(told(points)).toEqual([
      "m on t, SFT, learningRate = 0.00005, N = 8",
      "m on t, SFT, learningRate = 0.00005 by majority, N = 8",
    ]);
    expect(told([sft])).toEqual(["m on t, SFT, N = 8", "m on t, SFT by majority, N = 8"]);
    expect(cellName({ model: "m", task: "t", method: "sft-majority" })).toBe("m on t, SFT by majority");
    expect(cellName({ model: "m", task: "t" })).toBe("m on t");
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
