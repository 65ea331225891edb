import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { drawnBy, sequenceLogProb, type Response } from "../policy/policy.js";
import { rewardNamed } from "../reward/registry.js";
import { choose, type Pool } from "../reward/self-reward.js";
import type { Task } from "../task/task.js";
import { measureAdapter, measureEpoch, type AdapterResponse } from "./measure-adapter.js";
import { measureAdaptive } from "./measure-adaptive.js";
import { measure, measuredNs, type MeasureInputs } from "./measure.js";

/** Prompts `p0`, `p1`, …; the answer is the text's last word; the label of a prompt, where it has one, is `right`. */
function taskOf(labelled: (promptId: string) => boolean): Task {
  const extract = (text: string): string | undefined => /(\w+)$/.exec(text)?.[1];
  return {
    name: "words",
    digest: "0",
    maxTokens: 9,
    prompts: () => [],
    extract,
    grade: (id, text) => (labelled(id) ? extract(text) === "right" : undefined),
  };
}

function response(promptId: string, index: number, text: string, logProbs: readonly number[]): Response {
  const certainties = logProbs.map((value) => 2 + value / 10);
  return { promptId, index, text, tokens: logProbs.map((_, t) => t), logProbs, certainties, finish: "stop" };
}

/** Simulated pools: likelier responses are right more often, answers repeat, lengths vary. */
function simulate(prompts: number, size: number, labelled: (promptId: string) => boolean = () => true) {
  const task = taskOf(labelled);
  const stream = randomStream(5, "pools");
  const greedy: Response[] = [];
  const pools = Array.from({ length: prompts }, (_, p): Pool => {
    const id = `p${String(p)}`;
    const draw = (index: number): Response => {
      const logProbs = Array.from({ length: 3 + stream.integer(5) }, () => -3 * stream.next());
      const mean = logProbs.reduce((a, b) => a + b, 0) / logProbs.length;
      const right = stream.next() < 0.5 + (mean + 1.5) / 2;
      return response(id, index, `so ${right ? "right" : `wrong${String(stream.integer(6))}`}`, logProbs);
    };
    greedy.push(draw(-1));
    const responses = Array.from({ length: size }, (_unused, index) => draw(index));
    return { prompt: { id, text: id }, responses, extract: (text) => task.extract(text) };
  });
  return { task, pools, greedy };
}

const rewards = ["log-likelihood", "length-normalized", "majority", "self-certainty"].map(rewardNamed);
const inputsOf = (parts: Partial<MeasureInputs> = {}): MeasureInputs => ({
  ...simulate(40, 8),
  rewards,
  seed: 1,
  resamples: 200,
  ...parts,
});

describe("measure", () => {
  it("leaves out the N at which a reward's expectation is not known, and refuses a reward that has none", async () => {
    const [borda, ...others] = ["borda", "best-of-majority", "pessimism"].map(rewardNamed);
    const selectors = [{ ...borda!, measurable: (_: number, n: number) => n !== 20 }, ...others];
    const inputs = inputsOf({ ...simulate(3, 40), rewards: selectors, ns: [1, 2, 20, 40] });
    const metrics = await measure(inputs);
    expect(Object.keys(metrics.bestOfN["borda"]!)).toEqual(["1", "2", "40"]);
    for (const name of ["best-of-majority", "pessimism"])
      expect(Object.keys(metrics.bestOfN[name]!)).toEqual(["1", "2", "20", "40"]);
    expect(metrics.bestOfN["borda"]!["1"]!.accuracy!.value).toBeCloseTo(metrics.base.accuracy!.value, 12);
    // The expectation of the random choice, not one draw of it; and one draw of it ranks nothing.
    const shares = inputs.pools.map((pool) => selectors[2]!.chosenProbabilities!(pool, 40));
    const right = inputs.pools.map((pool, p) =>
      pool.responses.reduce((sum, { text }, i) => sum + (text === "so right" ? shares[p]![i]! : 0), 0),
    );
    const mean = right.reduce((a, b) => a + b, 0) / right.length;
    expect(metrics.bestOfN["pessimism"]!["40"]!.accuracy!.value).toBeCloseTo(mean, 12);
    expect(Object.keys(metrics.auc!)).toEqual(["borda", "best-of-majority"]);
    await expect(measure({ ...inputs, ns: [20] })).rejects.toThrow(/borda cannot be measured at N = 20/);
  });

  it("gives for each N the expectation over all subsets, for every reward", async () => {
    const inputs = inputsOf({ ...simulate(6, 6), ns: [1, 2, 3, 6] });
    const metrics = await measure(inputs);
    for (const reward of rewards) {
      for (const n of [1, 2, 3, 6]) {
        let [right, logProb, length] = [0, 0, 0];
        for (const pool of inputs.pools) {
          let [subsets, r, l, t] = [0, 0, 0, 0];
          for (let mask = 0; mask < 64; mask++) {
            const responses = pool.responses.filter((_, i) => mask & (1 << i));
            if (responses.length !== n) continue;
            subsets++;
            const scores = await reward.score({ ...pool, responses });
            const winners = responses.filter((_, i) => scores[i] === Math.max(...scores));
            for (const winner of winners) {
              if (winner.text === "so right") r += 1 / winners.length;
              l += sequenceLogProb(winner) / winners.length;
              t += winner.tokens.length / winners.length;
            }
          }
          right += r / subsets / 6;
          logProb += l / subsets / 6;
          length += t / subsets / 6;
        }
        const own = metrics.bestOfN[reward.name]![String(n)]!;
        expect(own.accuracy!.value).toBeCloseTo(right, 10);
        expect(own.logLikelihood.value).toBeCloseTo(logProb, 10);
        expect(own.length.value).toBeCloseTo(length, 10);
      }
    }
  });

  it("ties its figures together", async () => {
    const inputs = inputsOf();
    const metrics = await measure(inputs);
    expect(metrics).toMatchObject({ task: "words", prompts: 40, n: 8, labelled: true, labelledPrompts: 40 });
    const { greedy, base, bestOfN, coverage, histograms, agreement, auc } = metrics;
    expect(Object.keys(bestOfN["majority"]!)).toEqual(["1", "2", "5", "8"]);
    for (const reward of rewards) {
      const [one, most] = [bestOfN[reward.name]!["1"]!, bestOfN[reward.name]!["8"]!];
      // Best of one is one sample.
      expect(one.accuracy!.value).toBeCloseTo(base.accuracy!.value, 12);
      expect(one.logLikelihood.value).toBeCloseTo(base.logLikelihood.value, 10);
      expect(one.lengthChange!.value).toBeCloseTo(0, 10);
      expect(most.accuracy!.value).toBeLessThanOrEqual(coverage!["8"]!.value);
      expect(most.accuracyToLargestN).toEqual({ value: 0, low: 0, high: 0 });
      expect(one.accuracyToLargestN!.value).toBeCloseTo(most.accuracy!.value - one.accuracy!.value, 12);
      expect(one.logLikelihoodToLargestN!.value).toBeCloseTo(
        most.logLikelihood.value - one.logLikelihood.value,
        10,
      );
      expect(most.lengthChange!.value).toBeCloseTo(most.length.value - base.length.value, 10);
      expect(most.liftPoints!.value).toBeCloseTo(most.accuracy!.value - greedy.accuracy!.value, 12);
      expect(most.lift!.value).toBeCloseTo((100 * most.liftPoints!.value) / greedy.accuracy!.value, 9);
      expect(most.logLikelihoodLift!.value).toBeCloseTo(
        most.logLikelihood.value - greedy.logLikelihood.value,
        10,
      );
    }
    expect(greedy.lift).toBeUndefined();
    expect(metrics).not.toHaveProperty("chance");
    expect(await measure({ ...inputs, task: { ...inputs.task, chance: 0.5 } })).toMatchObject({
      chance: 0.5,
    });
    const { correct, incorrect, all } = histograms;
    expect(correct!.edges).toEqual(all.edges);
    expect(all.counts.map((count, i) => count - correct!.counts[i]! - incorrect!.counts[i]!)).toEqual(
      all.counts.map(() => 0),
    );
    expect(all.counts.reduce((a, b) => a + b, 0)).toBe(320);
    expect(correct!.counts.reduce((a, b) => a + b, 0)).toBeCloseTo(320 * base.accuracy!.value, 9);
    expect(Object.keys(agreement!)).toHaveLength(6);
    // Simulated so that a high mean log-probability goes with being right.
    expect(auc!["length-normalized"]!.low).toBeGreaterThan(0.5);
    expect(auc!["length-normalized"]!.value).toBeCloseTo(auc!["self-certainty"]!.value, 12);
  });

  it("counts the prompts with right and wrong responses, of which the AUC is the mean", async () => {
    const inputs = inputsOf({ ...simulate(40, 2), ns: [1, 2] });
    const { mixedPrompts, auc } = await measure(inputs);
    const isRight = ({ text }: Response): boolean => text === "so right";
    const mixed = inputs.pools.flatMap(({ responses }) => {
      const [right, wrong] = [responses.find(isRight), responses.find((other) => !isRight(other))];
      return right && wrong ? [{ right, wrong }] : [];
    });
    expect(mixed.length).toBeGreaterThan(0);
    expect(mixed.length).toBeLessThan(40);
    expect(mixedPrompts).toBe(mixed.length);
    // Of two responses the right one is the likelier, or it is not.
    const wins = mixed.filter(({ right, wrong }) => sequenceLogProb(right) > sequenceLogProb(wrong));
    expect(auc!["log-likelihood"]!.value).toBeCloseTo(wins.length / mixed.length, 12);
  });

  it("gives the same for the same seed, and only other intervals for another", async () => {
    const first = await measure(inputsOf());
    expect(await measure(inputsOf())).toEqual(first);
    const other = await measure(inputsOf({ seed: 2 }));
    expect(other.base.accuracy!.value).toBe(first.base.accuracy!.value);
    expect(other.base.accuracy).not.toEqual(first.base.accuracy);
  });

  it("leaves out what needs labels where there are none", async () => {
    const metrics = await measure(inputsOf({ ...simulate(12, 5, () => false) }));
    expect(metrics).toMatchObject({ labelled: false, labelledPrompts: 0 });
    expect(metrics).not.toHaveProperty("coverage");
    expect(metrics).not.toHaveProperty("auc");
    expect(metrics).not.toHaveProperty("mixedPrompts");
    expect(Object.keys(metrics.histograms)).toEqual(["all"]);
    for (const answers of [metrics.greedy, metrics.base, ...Object.values(metrics.bestOfN["majority"]!)]) {
      for (const field of ["accuracy", "lift", "liftPoints", "accuracyToLargestN"])
        expect(answers).not.toHaveProperty(field);
      expect(Number.isFinite(answers.logLikelihood.value)).toBe(true);
    }
    expect(Object.keys(metrics.agreement!)).toContain("log-likelihood|majority");
    expect(JSON.stringify(metrics)).not.toContain("null");
  });

  it("measures accuracy on the labelled prompts and log-likelihood on all", async () => {
    const some = await measure(inputsOf({ ...simulate(20, 5, (id) => Number(id.slice(1)) < 8) }));
    const every = simulate(20, 5);
    const eight = await measure(inputsOf({ ...every, pools: every.pools.slice(0, 8) }));
    const twenty = await measure(inputsOf({ ...every }));
    expect(some.labelledPrompts).toBe(8);
    expect(some.bestOfN["majority"]!["5"]!.accuracy).toEqual(eight.bestOfN["majority"]!["5"]!.accuracy);
    expect(some.bestOfN["majority"]!["5"]!.lift).toEqual(eight.bestOfN["majority"]!["5"]!.lift);
    expect(some.coverage).toEqual(eight.coverage);
    expect(some.bestOfN["majority"]!["5"]!.logLikelihood).toEqual(
      twenty.bestOfN["majority"]!["5"]!.logLikelihood,
    );
  });

  it("says what is wrong with its inputs", async () => {
    const inputs = inputsOf();
    await expect(measure({ ...inputs, ns: [50] })).rejects.toThrow(
      /N = 50 cannot be measured with 8 responses/,
    );
    await expect(measure({ ...inputs, ns: [0] })).rejects.toThrow(/whole number of at least 1, not 0/);
    await expect(measure({ ...inputs, ns: [] })).rejects.toThrow(/No N is given/);
    await expect(measure({ ...inputs, pools: [] })).rejects.toThrow(/no prompts of words/);
    await expect(measure({ ...inputs, greedy: inputs.greedy.slice(1) })).rejects.toThrow(
      /no greedy response to prompt "p0"/,
    );
    const empty = [{ ...inputs.pools[0]!, responses: [] }];
    await expect(measure({ ...inputs, pools: empty })).rejects.toThrow(/"p0" has no responses/);
    expect(measuredNs(50)).toEqual([1, 2, 5, 10, 25, 50]);
    expect(measuredNs(12)).toEqual([1, 2, 5, 10, 12]);
    expect(measuredNs(1)).toEqual([1]);
    expect(measuredNs(10, [5, 1, 5])).toEqual([1, 5]);
  });

  it("measures 256 prompts × 50 responses × 4 rewards × 6 N, 2,000 resamples, in seconds", async () => {
    const inputs = inputsOf({ ...simulate(256, 50), resamples: 2000 });
    const before = process.cpuUsage();
    const metrics = await measure(inputs);
    const used = process.cpuUsage(before);
    expect(metrics.n).toBe(50);
    // Seconds of the processor, not of the clock; about 1 s on a machine to itself, and test machines are shared.
    expect((used.user + used.system) / 1e6).toBeLessThan(5);
  });
});

describe("measureAdaptive", () => {
  it("is best-of-N where the whole pool was drawn and the likeliest chosen", async () => {
    const inputs = inputsOf();
    const reward = rewardNamed("log-likelihood");
    const chosen = await Promise.all(
      inputs.pools.map(async (pool) => pool.responses[choose(await reward.score(pool))]!),
    );
    const drawn = inputs.pools.map((_, p) => (p % 2 ? 8 : 4));
    const adaptive = measureAdaptive({ ...inputs, chosen, drawn, capped: 20, cap: 8 });
    const best = (await measure(inputs)).bestOfN["log-likelihood"]!["8"]!;
    expect(adaptive).toMatchObject({
      meanN: 6,
      capped: 20,
      cap: 8,
      lift: best.lift,
      logLikelihood: best.logLikelihood,
    });
  });
});

describe("measureAdapter", () => {
  const simulated = simulate(30, 6);
  const asAdapter = (responses: readonly Response[], shift = 0): AdapterResponse[] =>
    drawnBy("sft", responses).map((draw) => ({
      ...draw,
      baseLogProb: sequenceLogProb(draw.own) + shift,
    }));
  const common = { ...simulated, seed: 3, resamples: 300 };
  const drawn = simulated.pools.flatMap((pool) => pool.responses);
  const untouched = { responses: asAdapter(drawn), greedy: asAdapter(simulated.greedy) };

  it("of the base itself gains nothing", async () => {
    const own = measureAdapter({ ...common, runs: [untouched] });
    const base = await measure({ ...common, rewards: [], ns: [1, 2, 5, 6] });
    const nothing = { value: 0, low: 0, high: 0 };
    expect(own.accuracyGain).toEqual(nothing);
    expect(own.logLikelihoodGain).toEqual(nothing);
    // Where every prompt is right or wrong, equal answers of few prompts leave room for a difference that they did not show.
    const { "6": most, ...rest } = own.coverageChange!;
    expect(most).toMatchObject({ value: 0, low: -most!.high });
    expect(rest).toEqual({ "1": nothing, "2": nothing, "5": nothing });
    expect(own.coverage).toEqual(base.coverage);
    expect(own.accuracy).toEqual(base.base.accuracy);
    expect(own.lift).toEqual(base.base.lift);
    expect(own.greedyAccuracy).toEqual(base.greedy.accuracy);
    expect(own.greedyLogLikelihood).toEqual(base.greedy.logLikelihood);
  });

  it("that always answers right, and likelier by a nat, gains just that", () => {
    const right = drawn
      .slice()
      .reverse()
      .map((own) => ({ ...own, text: "so right" }));
    const own = measureAdapter({
      ...common,
      runs: [{ ...untouched, responses: asAdapter(right, 1) }],
      ns: [2],
    });
    expect(own.accuracy!.value).toBeCloseTo(1, 12);
    expect(own.accuracy!.low).toBeCloseTo(1, 12);
    const base = drawn.filter((one) => one.text === "so right").length / drawn.length;
    expect(own.accuracyGain!.value).toBeCloseTo(1 - base, 12);
    expect(own.accuracyGain!.low).toBeGreaterThan(0);
    expect(own.logLikelihoodGain.low).toBeCloseTo(1, 10);
    expect(own.logLikelihoodGain.high).toBeCloseTo(1, 10);
    expect(own.coverage!["2"]!.value).toBeCloseTo(1, 12);
    expect(Object.keys(own.coverage!)).toEqual(["2"]);
  });

  it("over several training seeds is the mean, with a wider interval", () => {
    const better = { ...untouched, responses: asAdapter(drawn, 4) };
    const both = measureAdapter({ ...common, runs: [untouched, better] });
    const alone = measureAdapter({ ...common, runs: [untouched] });
    expect(both.logLikelihoodGain.value).toBeCloseTo(2, 10);
    // The seeds differ by 4: a standard error of 2, with the one degree of freedom that two seeds leave.
    expect(both.logLikelihoodGain.low).toBeCloseTo(2 - 2 * 12.7062, 3);
    expect(both.logLikelihoodGain.high).toBeCloseTo(2 + 2 * 12.7062, 3);
    expect(both.accuracy!.value).toBeCloseTo(alone.accuracy!.value, 12);
  });

  it("compares each seed's adapter with what the base drew in that seed", () => {
    const pools = simulated.pools.map((pool) => ({ ...pool, responses: pool.responses.slice(3) }));
    const later = pools.flatMap(({ responses }) => responses);
    const redrawn = { ...untouched, responses: asAdapter(later, 2), pools };
    const both = measureAdapter({ ...common, runs: [untouched, redrawn] });
    // Of each prompt 0 in one seed and 2 in the other: a standard error of 1, and one degree of freedom.
    expect(both.logLikelihoodGain.value).toBeCloseTo(1, 10);
    expect(both.logLikelihoodGain.low).toBeCloseTo(1 - 12.7062, 3);
    expect(both.logLikelihoodGain.high).toBeCloseTo(1 + 12.7062, 3);
    expect(both.accuracyGain).toEqual({ value: 0, low: 0, high: 0 });
    expect(Object.keys(both.coverageChange!)).toEqual(["1", "2", "3"]);
    expect(both.coverageChange!["2"]).toEqual({ value: 0, low: 0, high: 0 });
    // Compared with the other seed's draws, the base's own would seem to gain or to lose.
    const crossed = measureAdapter({ ...common, runs: [untouched, { ...redrawn, pools: common.pools }] });
    expect(crossed.accuracyGain!.value).not.toBe(0);
  });

  it("without labels keeps to likelihood", () => {
    const task = taskOf(() => false);
    const own = measureAdapter({ ...common, task, runs: [untouched] });
    expect(Object.keys(own).sort()).toEqual([
      "greedyLogLikelihood",
      "length",
      "logLikelihood",
      "logLikelihoodGain",
      "logLikelihoodLift",
    ]);
    const prompts = simulated.pools.map((pool) => pool.prompt);
    const epoch = { task, prompts, responses: untouched.responses, seed: 1 };
    expect(Object.keys(measureEpoch({ ...epoch, temperature: 1 }))).toEqual([
      "logLikelihood",
      "entropy",
      "kl",
      "length",
      "repetition",
      "samples",
    ]);
    // What was drawn at another temperature is not a sample of π: it tells neither entropy nor KL.
    expect(Object.keys(measureEpoch({ ...epoch, temperature: 0.5 }))).not.toContain("kl");
  });

  it("gives the same figures for an epoch's curve", () => {
    const own = measureAdapter({ ...common, runs: [untouched] });
    const prompts = simulated.pools.map((pool) => pool.prompt);
    const epoch = measureEpoch({ ...common, prompts, responses: untouched.responses, temperature: 1 });
    // An untouched base is as far from itself as from nothing, and its entropy is its own log-likelihood.
    expect(epoch.kl).toEqual({ value: 0, low: 0, high: 0 });
    expect(epoch.entropy!.value).toBeCloseTo(-own.logLikelihood.value, 10);
    expect(epoch).toEqual({
      accuracy: own.accuracy,
      logLikelihood: own.logLikelihood,
      entropy: epoch.entropy,
      kl: epoch.kl,
      length: own.length,
      repetition: { value: 0, low: 0, high: 0 },
      coverage: own.coverage!["6"],
      samples: 6,
    });
  });

  it("says what is missing", () => {
    expect(() => measureAdapter({ ...common, runs: [{ ...untouched, responses: [] }] })).toThrow(
      /no response to prompt "p0"/,
    );
    expect(() => measureAdapter({ ...common, runs: [{ ...untouched, greedy: [] }] })).toThrow(
      /no greedy response of the adapter to prompt "p0"/,
    );
    expect(() => measureAdapter({ ...common, runs: [untouched], ns: [7] })).toThrow(
      /N = 7 cannot be measured with 6/,
    );
  });
});
