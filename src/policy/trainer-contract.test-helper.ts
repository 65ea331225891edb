import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError, UsageError } from "../core/errors.js";
import type { Policy, ScoreRequest } from "./policy.js";
import type { Trainer, TrainerOptions, Trainers } from "./trainer.js";

/** A trainer to hold to the contract of `Trainer`. */
export interface TrainerCase {
  readonly name: string;
  /** A base with who trains it. */
  readonly make: () => Promise<{ readonly base: Policy; readonly trainers: Trainers }>;
  /** Of a small adapter: each of its numbers is moved once. */
  readonly options: Omit<TrainerOptions, "clipNorm" | "weightDecay" | "seed">;
  /** At least three, of different lengths where there are any. */
  readonly sequences: readonly ScoreRequest[];
  /** Of log-probabilities, in nats. */
  readonly tolerance: number;
  /** A step's, small enough for its α. Default 0.02. */
  readonly rate?: number;
  /** For finite differences; absent where the gradient has another witness, since what `save` wrote is not ours to read. */
  readonly differences?: {
    /** Adds to one number of what `save` wrote; the number of these is `Trainers.parameters`. */
    readonly move: (path: string, parameter: number, by: number) => Promise<void>;
    /** How far each number is moved to find a derivative, and how far from the truth that may be, relative. */
    readonly nudge: number;
    readonly gradientTolerance: number;
  };
}

const rows = async (trainer: Trainer, sequences: readonly ScoreRequest[]): Promise<number[][]> =>
  (await trainer.logProbs(sequences)).map((row) => Array.from(row));

const flat = (values: readonly (readonly number[])[]): number[] => values.flat();

const close = (a: readonly number[], b: readonly number[], tolerance: number): void => {
  expect(a.length).toBe(b.length);
  a.forEach((value, i) => expect(Math.abs(value - b[i]!)).toBeLessThanOrEqual(tolerance));
};

/** Registers the tests of the contract that `Trainer` states, for one implementation. */
export function testTrainerContract(its: TrainerCase): void {
  const { sequences, tolerance, options, rate: RATE = 0.02 } = its;
  const asked: TrainerOptions = { ...options, clipNorm: Infinity, weightDecay: 0, seed: 3 };
  /** Uneven, and not the same for a sequence's tokens. */
  const weights = sequences.map(({ tokens }, i) => tokens.map((_, t) => 0.3 + 0.2 * i - 0.1 * t));
  const zeros = sequences.map(({ tokens }) => tokens.map(() => 0));
  const lossOf = (logProbs: readonly (readonly number[])[]): number =>
    -flat(logProbs.map((row, i) => row.map((value, t) => value * weights[i]![t]!))).reduce(
      (a, b) => a + b,
      0,
    );

  describe(`${its.name} keeps the contract of a trainer:`, () => {
    const folder = mkdtempSync(join(tmpdir(), "whetstone-trainer-"));
    let base: Policy;
    let trainers: Trainers;
    let trainer: Trainer;
    beforeAll(async () => {
      ({ base, trainers } = await its.make());
      trainer = await trainers.start(asked);
    });
    afterAll(async () => {
      await trainer.dispose();
      await base.dispose();
      rmSync(folder, { recursive: true });
    });

    const step = async (of: Trainer, rate = RATE): Promise<number> => {
      await of.forwardBackward(sequences, weights);
      return (await of.optimStep(rate)).gradientNorm;
    };
    /** A fresh one, stepped a few times, so that nothing is zero any more. */
    const stepped = async (times: number): Promise<Trainer> => {
      const fresh = await trainers.start(asked);
      for (let i = 0; i < times; i++) await step(fresh);
      return fresh;
    };

    test("it begins as the base, and says of given responses what the base's scorer says", async () => {
      const scored = (await base.logProb(sequences)).map((row) => [...row]);
      const own = await rows(trainer, sequences);
      own.forEach((row, i) => close(row, scored[i]!, tolerance));
      expect(trainer.steps).toBe(0);
      expect(await trainer.logProbs([])).toEqual([]);
    });

    test("weights of zero change nothing", async () => {
      const before = await rows(trainer, sequences);
      expect(await trainer.forwardBackward(sequences, zeros)).toBeCloseTo(0, 12);
      expect((await trainer.optimStep(RATE)).gradientNorm).toBe(0);
      expect(await rows(trainer, sequences)).toEqual(before);
    });

    test("its loss is −Σ weight · log π, a step lowers it, and the rate says how far", async () => {
      const one = await trainers.start(asked);
      const before = lossOf(await rows(one, sequences));
      expect(await one.forwardBackward(sequences, weights)).toBeCloseTo(before, 3);
      await one.optimStep(RATE);
      expect(one.steps).toBe(1);
      const after = lossOf(await rows(one, sequences));
      expect(after).toBeLessThan(before);
      const short = await trainers.start(asked);
      await step(short, RATE / 10);
      const little = lossOf(await rows(short, sequences));
      expect(little).toBeLessThan(before);
      expect(little).toBeGreaterThan(after);
      await Promise.all([one.dispose(), short.dispose()]);
    });

    test("parts of a batch add up to the batch", async () => {
      const [whole, parts] = [await stepped(1), await stepped(1)];
      const loss = await whole.forwardBackward(sequences, weights);
      const { gradientNorm } = await whole.optimStep(RATE);
      let sum = 0;
      for (const [i, sequence] of sequences.entries()) {
        sum += await parts.forwardBackward([sequence], [weights[i]!]);
      }
      expect(sum).toBeCloseTo(loss, 4);
      expect((await parts.optimStep(RATE)).gradientNorm / gradientNorm).toBeCloseTo(1, 4);
      close(flat(await rows(parts, sequences)), flat(await rows(whole, sequences)), 10 * tolerance);
      await Promise.all([whole.dispose(), parts.dispose()]);
    });

    test("what was gathered is forgotten by a step and by a load", async () => {
      const one = await stepped(1);
      await expect(one.optimStep(RATE)).rejects.toThrow(UsageError);
      const path = join(folder, "forgotten");
      await one.save(path, {});
      await one.forwardBackward(sequences, weights);
      await one.load(path);
      await expect(one.optimStep(RATE)).rejects.toThrow(UsageError);
      await one.dispose();
    });

    const { differences } = its;
    test.runIf(differences)("its gradient is that of finite differences", async () => {
      const { move, nudge, gradientTolerance } = differences!;
      const one = await stepped(2);
      const [path, moved] = [join(folder, "here"), join(folder, "moved")];
      await one.save(path, {});
      const probe = await trainers.start(asked);
      let squares = 0;
      for (let parameter = 0; parameter < trainers.parameters(options); parameter++) {
        const sides: number[] = [];
        for (const by of [nudge, -nudge]) {
          await one.save(moved, {});
          await move(moved, parameter, by);
          await probe.load(moved);
          sides.push(lossOf(await rows(probe, sequences)));
        }
        squares += ((sides[0]! - sides[1]!) / (2 * nudge)) ** 2;
      }
      const norm = await step(one);
      expect(norm).toBeGreaterThan(0.01);
      expect(Math.abs(norm / Math.sqrt(squares) - 1)).toBeLessThan(gradientTolerance);
      await Promise.all([one.dispose(), probe.dispose()]);
    });

    test("saved and loaded it continues to the bit, with its metadata and its steps", async () => {
      const one = await stepped(2);
      const path = join(folder, "saved");
      await one.save(path, { epoch: "7" });
      const whole: number[][][] = [];
      for (let i = 0; i < 3; i++) {
        await step(one);
        whole.push(await rows(one, sequences));
      }
      const other = await trainers.start(asked);
      expect((await other.load(path)).get("epoch")).toBe("7");
      expect(other.steps).toBe(2);
      for (const expected of whole) {
        await step(other);
        expect(await rows(other, sequences)).toEqual(expected);
      }
      await Promise.all([one.dispose(), other.dispose()]);
    });

    test.each([NaN, Infinity])("a loss of %f leaves the parameters as they were", async (wrong) => {
      const one = await stepped(1);
      const before = await rows(one, sequences);
      await one.forwardBackward(
        sequences,
        weights.map((row) => row.map(() => wrong)),
      );
      await expect(one.optimStep(RATE)).rejects.toThrow(ModelError);
      expect(await rows(one, sequences)).toEqual(before);
      expect(one.steps).toBe(1);
      // What was not finite is gone: the next step is as if nothing had been.
      const other = await stepped(2);
      await step(one);
      expect(await rows(one, sequences)).toEqual(await rows(other, sequences));
      await Promise.all([one.dispose(), other.dispose()]);
    });

    test("the policy that it is now draws and scores as it does, whatever it learns later", async () => {
      const one = await stepped(2);
      const now = await rows(one, sequences);
      const policy = await one.policy("now");
      await one.exportAdapter(join(folder, "exported"));
      await step(one);
      const exported = await trainers.withAdapter(join(folder, "exported"), "exported");
      for (const same of [policy, exported]) {
        (await same.logProb(sequences)).forEach((row, i) => close([...row], now[i]!, tolerance));
        const prompt = sequences[0]!.prompt;
        for await (const drawn of same.sample([{ prompt, index: 0 }], {
          temperature: 1,
          maxTokens: 3,
          seed: 1,
        }))
          expect(drawn.promptId).toBe(prompt.id);
        await same.dispose();
      }
      expect(flat(await rows(one, sequences))).not.toEqual(flat(now));
      await one.dispose();
    });

    test("it goes on from an adapter that was exported", async () => {
      const [one, folderOf] = [await stepped(2), join(folder, "begun")];
      await one.exportAdapter(folderOf);
      const other = await trainers.start({ ...asked, from: folderOf, seed: 8 });
      expect(other.steps).toBe(0);
      const [before, same] = [await rows(one, sequences), await rows(other, sequences)];
      close(flat(same), flat(before), tolerance);
      await step(other);
      expect(lossOf(await rows(other, sequences))).toBeLessThan(lossOf(before));
      await Promise.all([one.dispose(), other.dispose()]);
    });
  });
}
