import { describe, expect, test } from "vitest";
import {
  adamWState,
  adamWStep,
  clipGradientNorm,
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  withWarmup,
} from "./index.js";

describe("AdamW", () => {
  test("steps by the learning rate against the sign of a first gradient, whatever its size", () => {
    const parameter = Float32Array.of(1, 1, 1);
    adamWStep([parameter], [Float32Array.of(1e-3, -5, 200)], adamWState([parameter]), 0.25);
    expect(Array.from(parameter, (x) => Math.round(x * 1e4) / 1e4)).toEqual([0.75, 1.25, 0.75]);
  });

  test("decays weights apart from the gradient: without one, each step multiplies by 1 − rate·decay", () => {
    const parameter = Float32Array.of(2, -4);
    const state = adamWState([parameter]);
    for (let step = 0; step < 3; step++) {
      adamWStep([parameter], [new Float32Array(2)], state, 0.5, { weightDecay: 0.5 });
    }
    expect([...parameter]).toEqual([2 * 0.75 ** 3, -4 * 0.75 ** 3]);
    expect(state.step).toBe(3);
  });

  test("finds the minimum of a quadratic", () => {
    const target = [3, -1];
    const parameter = new Float32Array(2);
    const state = adamWState([parameter]);
    for (let step = 0; step < 400; step++) {
      const gradient = parameter.map((x, i) => (i + 1) * (x - target[i]!));
      adamWStep([parameter], [gradient], state, 0.1 * linearSchedule(step, 400));
    }
    parameter.forEach((x, i) => expect(x).toBeCloseTo(target[i]!, 3));
  });
});

describe("clipping", () => {
  test("scales all gradients alike to the norm, and leaves smaller ones as they are", () => {
    const gradients = [Float32Array.of(3, 0), Float32Array.of(4)];
    expect(clipGradientNorm(gradients, 10)).toBe(5);
    expect(gradients).toEqual([Float32Array.of(3, 0), Float32Array.of(4)]);
    expect(clipGradientNorm(gradients, 1)).toBe(5);
    expect(gradients[0]![0]).toBeCloseTo(0.6, 6);
    expect(gradients[1]![0]).toBeCloseTo(0.8, 6);
  });
});

describe("schedules", () => {
  test("go from 1 to 0 and stay there", () => {
    expect([0, 2, 4, 5].map((step) => linearSchedule(step, 4))).toEqual([1, 0.5, 0, 0]);
    [1, 0.5, 0, 0].forEach((factor, i) =>
      expect(cosineSchedule([0, 2, 4, 5][i]!, 4)).toBeCloseTo(factor, 12),
    );
    expect(constantSchedule(3, 4)).toBe(1);
  });

  test("after a warm-up, which rises straight and never starts at nothing", () => {
    const schedule = withWarmup(linearSchedule, 3);
    expect([0, 1, 2, 3, 5, 7].map((step) => schedule(step, 7))).toEqual([0.25, 0.5, 0.75, 1, 0.5, 0]);
  });
});
