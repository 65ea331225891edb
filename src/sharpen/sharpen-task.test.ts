import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UsageError } from "../core/errors.js";
import { parseMetrics } from "../evaluate/metrics-file.js";
import type { LocalPolicy } from "../policy/local-policy.js";
import { sequenceLogProb, type Prompt } from "../policy/policy.js";
import { rewardNamed } from "../reward/registry.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import { readRun, type RunReader } from "../run/read-run.js";
import { responseRecords } from "../run/records.js";
import { verifyRun } from "../run/verify-run.js";
import { game24 } from "../task/game24/game24.js";
import type { Task } from "../task/task.js";
import { loadAdapter } from "../transformer/format/peft.js";
import { stoppingTime } from "./adaptive-best-of-n.js";
import { bestOfN } from "./best-of-n.js";
import { sft } from "./methods/sft.js";
import type { Progress } from "./draw.js";
import { splitPrompts } from "./prompts.js";
import type { SharpenOptions, SharpenResult } from "./sharpen-task.js";
import { filesOf, newFolder, runJob, tinyFit, tinyJob, tinyTask } from "./tiny-job.test-helper.js";
import { collect, tinyGamePolicy, tinyPolicy } from "./tiny-policies.test-helper.js";

let policy: LocalPolicy;
beforeAll(async () => {
  policy = await tinyPolicy("tiny-gqa");
});
afterAll(() => policy.dispose());

const promptIds = (prompts: readonly Prompt[]): string[] => prompts.map(({ id }) => id);

/** Every name of a field, at any depth. */
function fieldsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...fieldsOf(inner)]);
}

describe("sharpenTask, with labels", () => {
  let task: Task;
  let job: ReturnType<typeof tinyJob>;
  let result: SharpenResult;
  let run: RunReader;
  beforeAll(async () => {
    task = await tinyTask(true);
    let told = 0;
    // A clock that goes on by a second and a half each time that it is read.
    job = tinyJob(policy, task, { now: () => (told += 1500) });
    const dir = newFolder();
    result = await runJob(dir, job);
    run = readRun(dir);
  });

  it("leaves a sound run folder with valid metrics, which are what it returns", async () => {
    expect((await verifyRun(run.dir)).problems).toEqual([]);
    const metrics = parseMetrics(run.json("metrics.json"), "metrics.json");
    expect(metrics).toEqual(result.metrics);
    expect(metrics).toMatchObject({
      task: "numbers.jsonl",
      model: "tiny-gqa",
      prompts: 4,
      n: 4,
      temperature: 1,
      labelled: true,
    });
    expect(Object.keys(metrics.bestOfN)).toEqual(job.rewards.map(({ name }) => name));
    expect(readFileSync(join(run.dir, "metrics.json"), "utf8")).not.toContain("null");
    expect(metrics.findings.length).toBeGreaterThan(0);
    expect(metrics.seconds).toEqual({
      greedy: 1.5,
      sampling: 1.5,
      evaluating: 1.5,
      adaptive: 1.5,
      // Training reads it once, and after each of six steps: whether a checkpoint is due.
      "amortizing, sft": 1.5 + 7 * 1.5,
      total: 27,
    });
  });

  it("writes the same files where responses are read from the run's when they are asked for", async () => {
    const dir = newFolder();
    let told = 0;
    await runJob(dir, { ...job, now: () => (told += 1500), mostHeld: 3 });
    expect(filesOf(dir)).toEqual(filesOf(run.dir));
  });

  it("records each prompt once, by split, and N responses to each that is measured", async () => {
    const split = splitPrompts(task, job);
    const recorded = await run.prompts();
    for (const name of ["test", "train", "validation"] as const)
      expect(recorded.filter((record) => record.split === name).map(({ id }) => id)).toEqual(
        promptIds(split[name]),
      );
    const expected = promptIds(split.test).flatMap((id) => [0, 1, 2, 3].map((index) => [id, index]));
    for (const adapter of [undefined, "sft"]) {
      expect((await run.responses(adapter)).map(({ promptId, index }) => [promptId, index])).toEqual(
        expected,
      );
      expect((await run.greedy(adapter)).map(({ promptId }) => promptId)).toEqual(promptIds(split.test));
    }
  });

  it("selects what each reward scores highest among the recorded responses", async () => {
    const responses = await run.responses();
    const selections = await run.selections();
    expect(selections).toHaveLength(4 * 4);
    for (const { promptId, reward, chosen, scores } of selections) {
      const own = responses.filter((response) => response.promptId === promptId);
      const pool = {
        prompt: { id: promptId, text: "" },
        responses: own,
        extract: (text: string) => task.extract(text),
      };
      expect(await rewardNamed(reward).score(pool)).toEqual(scores);
      expect(chosen).toBe(own[choose(scores)]!.index);
    }
  });

  it("measures the base by its responses, and the rule of eq. 10 on the first of them", async () => {
    const responses = await run.responses();
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    expect(result.metrics.base.logLikelihood.value).toBeCloseTo(mean(responses.map(sequenceLogProb)), 10);
    const ids = [...new Set(responses.map(({ promptId }) => promptId))];
    const labelled = responses.filter(({ promptId, text }) => task.grade(promptId, text) !== undefined);
    expect(result.metrics.labelledPrompts).toBe(labelled.length / 4);
    expect(result.metrics.base.accuracy!.value).toBeCloseTo(
      mean(labelled.map(({ promptId, text }) => Number(task.grade(promptId, text)))),
      10,
    );
    const pools = ids.map((id) => responses.filter(({ promptId }) => promptId === id).map(sequenceLogProb));
    const stops = pools.map((logProbs) => stoppingTime(logProbs, Math.log(4)));
    const chosen = pools.map((logProbs, i) => Math.max(...logProbs.slice(0, stops[i] ?? 4)));
    expect(result.metrics.adaptive).toMatchObject({
      cap: 4,
      capped: stops.filter((stop) => stop === undefined).length,
      meanN: mean(stops.map((stop) => stop ?? 4)),
      logLikelihood: { value: expect.closeTo(mean(chosen), 10) as unknown },
    });
  });

  it("keeps y^BoN of each training and validation prompt in chosen.jsonl", async () => {
    const { train, validation } = splitPrompts(task, job);
    const chosen = await run.records("chosen.jsonl", responseRecords);
    expect(chosen.map(({ promptId }) => promptId)).toEqual(promptIds([...train, ...validation]));
    const full = await collect(
      bestOfN(policy, [...train, ...validation], {
        ...job,
        reward: rewardNamed("log-likelihood"),
        n: 5,
        keepAll: true,
      }),
    );
    const best = new Map(full.map((each) => [each.prompt.id, responseRecords.normalise!(each.chosen)]));
    for (const response of chosen) expect(response).toEqual(best.get(response.promptId));
  });

  it("trains an adapter that loads back and says what it learned", async () => {
    const { epochs, keptEpoch, ...sft } = result.metrics.adapters["sft"]!;
    const lines = readFileSync(join(run.dir, "adapters/sft/epochs.jsonl"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(epochs);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    for (const { epoch, trainLoss, samples, coverage, accuracy, logLikelihood } of epochs) {
      expect(trainLoss === undefined).toBe(epoch === 0);
      expect([samples, coverage, accuracy, logLikelihood]).not.toContain(undefined);
      expect(samples).toBe(2);
    }
    expect(epochs[2]!.trainLoss!).toBeLessThan(epochs[1]!.trainLoss!);
    expect(result.adapterDirs.sft).toBe(join(run.dir, "adapters/sft"));
    expect(existsSync(join(result.adapterDirs.sft!, "checkpoint.safetensors"))).toBe(false);
    const adapter = await loadAdapter(result.adapterDirs.sft!);
    expect(adapter).toMatchObject({ rank: 2, alpha: 4 });
    expect(new Set(adapter.targetModules)).toEqual(new Set(["q_proj", "up_proj"]));
    const { validation } = splitPrompts(task, job);
    const chosen = await run.records("chosen.jsonl", responseRecords);
    const examples = validation.map((prompt) => ({
      prompt,
      tokens: chosen.find(({ promptId }) => promptId === prompt.id)!.tokens,
    }));
    const adapted = await policy.withAdapter(adapter);
    const scores = (await adapted.logProb(examples)).flatMap((row) => [...row]);
    expect(-scores.reduce((a, b) => a + b, 0) / scores.length).toBeCloseTo(
      epochs[keptEpoch]!.validationLoss,
      4,
    );
    // Its own responses are drawn by it, and are measured by the base.
    const own = await run.responses("sft");
    const byId = new Map(task.prompts("test").map((prompt) => [prompt.id, prompt]));
    const requests = own.map(({ promptId, tokens }) => ({ prompt: byId.get(promptId)!, tokens }));
    const byAdapter = await adapted.logProb(requests);
    own.forEach((response, i) =>
      expect(sequenceLogProb(response)).toBeCloseTo(
        byAdapter[i]!.reduce((a, b) => a + b, 0),
        3,
      ),
    );
    const byBase = (await policy.logProb(requests)).map((row) => row.reduce((a, b) => a + b, 0));
    expect(sft.logLikelihood.value).toBeCloseTo(byBase.reduce((a, b) => a + b, 0) / byBase.length, 4);
    expect(sft).toMatchObject({ trainingPrompts: 8, trainingSamples: 5 });
    await adapted.dispose();
  });

  it("gives an adapter that has learned nothing the base's responses, which it would draw itself", async () => {
    const fit = { ...tinyFit, learningRate: 3 };
    const dir = newFolder();
    const ruined = tinyJob(policy, task, {
      amortize: { ...job.amortize!, methods: [{ method: sft, trainN: 5, fit }], curveSamples: 0 },
    });
    const opened = vi.spyOn(policy, "withAdapter");
    const stages: string[] = [];
    const onProgress = ({ stage }: Progress): number => stages.push(stage);
    const scored = vi.spyOn(policy, "score");
    const { metrics, adapterDirs } = await runJob(dir, { ...ruined, onProgress });
    const { epochs, keptEpoch, kl, logLikelihoodGain } = metrics.adapters["sft"]!;
    expect(keptEpoch).toBe(0);
    expect(opened).not.toHaveBeenCalled();
    // Nor does it score what it has drawn: it is no way from itself, to the last bit.
    expect(stages).toContain("scoring under the base");
    expect(scored).not.toHaveBeenCalled();
    expect([kl!.value, kl!.low, kl!.high]).toEqual([0, 0, 0]);
    expect([logLikelihoodGain.value, logLikelihoodGain.low]).toEqual([0, 0]);
    for (const spy of [opened, scored]) spy.mockRestore();
    expect(epochs[2]!.validationLoss).toBeGreaterThan(epochs[0]!.validationLoss);
    const own = readRun(dir);
    expect(await own.responses("sft")).toEqual(await own.responses());
    expect(await own.greedy("sft")).toEqual(await own.greedy());
    const adapted = await policy.withAdapter(await loadAdapter(adapterDirs.sft!));
    const { test } = splitPrompts(task, job);
    const requests = test.flatMap((prompt) => [0, 1, 2, 3].map((index) => ({ prompt, index })));
    const drawn = (
      await collect(adapted.sample(requests, { temperature: 1, maxTokens: job.maxTokens, seed: job.seed }))
    ).map((each) => responseRecords.normalise!(each));
    for (const response of await own.responses("sft"))
      expect(
        drawn.find(({ promptId, index }) => promptId === response.promptId && index === response.index),
      ).toEqual(response);
    await adapted.dispose();
  });
});

describe("sharpenTask", { timeout: 120_000 }, () => {
  it("knows no accuracy without labels: it is absent everywhere, not zero", async () => {
    const dir = newFolder();
    const methods = [{ method: sft, trainN: 5, fit: { ...tinyFit, keep: "last" as const } }];
    const unlabelled = tinyJob(policy, await tinyTask(false), { adaptiveDelta: undefined });
    const { metrics } = await runJob(dir, {
      ...unlabelled,
      amortize: { ...unlabelled.amortize!, methods },
    });
    expect(metrics.labelled).toBe(false);
    const absent = /accuracy|^lift|coverage|auc|^correct$|^incorrect$/i;
    const text = readFileSync(join(dir, "metrics.json"), "utf8");
    expect(fieldsOf(JSON.parse(text)).filter((name) => absent.test(name))).toEqual([]);
    const epochs = readFileSync(join(dir, "adapters/sft/epochs.jsonl"), "utf8").trimEnd().split("\n");
    expect(epochs.flatMap((line) => fieldsOf(JSON.parse(line))).filter((name) => absent.test(name))).toEqual(
      [],
    );
    expect(metrics.adaptive).toBeUndefined();
    expect(metrics.adapters["sft"]!.logLikelihoodGain.value).not.toBe(0);
  });

  it("runs game24 on a handful of prompts", async () => {
    const game = await tinyGamePolicy();
    const task = game24({ orders: 2 });
    const dir = newFolder();
    const base = tinyJob(game, task);
    const methods = [{ method: sft, trainN: 2, trainPrompts: 5, fit: tinyFit }];
    const amortize = { ...base.amortize!, methods, curveSamples: 1 };
    const { metrics } = await runJob(dir, {
      ...base,
      prompts: 3,
      n: 3,
      ns: undefined,
      amortize,
    });
    expect(metrics).toMatchObject({ task: "game24", prompts: 3, n: 3, labelledPrompts: 3 });
    expect(Object.keys(metrics.coverage!)).toEqual(["1", "2", "3"]);
    expect(metrics.adapters["sft"]).toMatchObject({ trainingPrompts: 5, trainingSamples: 2 });
    expect(
      (await readRun(dir).prompts()).filter(({ split }) => split === "test").map(({ id }) => id),
    ).toEqual(["test-901", "test-902", "test-903"]);
    expect((await verifyRun(dir)).problems).toEqual([]);
    await game.dispose();
  });

  it("measures without learning where that is asked for, or where there is nothing to learn from", async () => {
    const { metrics, adapterDirs } = await runJob(
      newFolder(),
      tinyJob(policy, await tinyTask(true), { amortize: undefined }),
    );
    expect([metrics.adapters, adapterDirs]).toEqual([{}, {}]);
  });

  it("asks each reward once for each prompt, also when a run is continued", async () => {
    const dir = newFolder();
    const asked: string[] = [];
    const inner = rewardNamed("majority");
    const costly: SelfReward = {
      ...inner,
      name: "costly",
      score: (pool) => {
        asked.push(pool.prompt.id);
        return inner.score(pool);
      },
    };
    const job = tinyJob(policy, await tinyTask(true), { amortize: undefined, rewards: [costly, inner] });
    const { metrics } = await runJob(dir, job);
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked).toHaveLength(metrics.prompts);
    // With the answers' own probabilities, not as if the scores were pointwise.
    expect(metrics.bestOfN["costly"]).toEqual(metrics.bestOfN["majority"]);
    expect((await runJob(dir, job)).metrics.bestOfN).toEqual(metrics.bestOfN);
    expect(asked).toHaveLength(metrics.prompts);
  });

  const wrong: readonly (readonly [string, (job: Omit<SharpenOptions, "run">) => Partial<SharpenOptions>])[] =
    [
      ["N", () => ({ n: 0 })],
      ["an N to measure", () => ({ ns: [8] })],
      ["no reward", () => ({ rewards: [] })],
      ["δ", () => ({ adaptiveDelta: 1.5 })],
      ["prompts", () => ({ prompts: 0 })],
      [
        "N for training",
        ({ amortize }) => ({
          amortize: { ...amortize!, methods: [{ method: sft, trainN: 0, fit: tinyFit }] },
        }),
      ],
      ["samples", ({ amortize }) => ({ amortize: { ...amortize!, curveSamples: -1 } })],
      [
        "training",
        ({ amortize }) => ({
          amortize: {
            ...amortize!,
            methods: [{ method: sft, trainN: 5, fit: { seed: 1, learningRate: -1 } }],
          },
        }),
      ],
    ];
  it.each(wrong)("refuses a wrong %s before anything is drawn", async (_, change) => {
    const dir = newFolder();
    const job = tinyJob(policy, await tinyTask(true));
    await expect(runJob(dir, { ...job, ...change(job) })).rejects.toThrow(UsageError);
    expect(existsSync(join(dir, "greedy.jsonl"))).toBe(false);
  });
});
