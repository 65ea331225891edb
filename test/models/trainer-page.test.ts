/** A run whose adapters were trained on a worker, beside one whose adapters were trained here: from the same first adapters, the same page. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchRealModel } from "../../scripts/fetch-model.mjs";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { localTrainers } from "../../src/policy/local-trainer.js";
import type { Policy, Response } from "../../src/policy/policy.js";
import { connectTrainer, type ConnectedTrainer } from "../../src/policy/tinker/connect-trainer.js";
import type { Trainer, Trainers } from "../../src/policy/trainer.js";
import { dpo } from "../../src/sharpen/methods/dpo.js";
import { sft } from "../../src/sharpen/methods/sft.js";
import { xpo } from "../../src/sharpen/methods/xpo.js";
import type { FitOptions } from "../../src/sharpen/fit-adapter.js";
import type { Method } from "../../src/sharpen/methods/method.js";
import { runJob, tinyFit, tinyJob, tinyTask } from "../../src/sharpen/tiny-job.test-helper.js";
import { jsonlTask } from "../../src/task/jsonl.js";
import type { Task } from "../../src/task/task.js";
import { recordsOf } from "../support/cli.js";
import { writeTinyModel } from "../support/tiny-model.js";
import { PYTHON, startWorker, type Worker } from "../support/worker.js";

/** What is sharpened. */
interface Case {
  readonly name: string;
  /** Where the base is; where it is to be written, it goes into this folder. */
  readonly base: (folder: string) => Promise<string>;
  readonly task: (folder: string) => Promise<Task>;
  readonly methods: readonly Method[];
  /** Responses to a prompt that is learned from. */
  readonly trainN: number;
  readonly fit: FitOptions;
  /** How many of an adapter's draws may turn on the noise of float order. */
  readonly turns: number;
}

/** Sums with small numbers: three to measure on, three to learn from, one to choose the iterate by. */
async function sums(folder: string): Promise<Task> {
  const file = join(folder, "sums.jsonl");
  const splits = ["test", "test", "test", "validation"];
  const lines = Array.from({ length: 7 }, (_, i) =>
    JSON.stringify({
      ...{ id: `sum-${i}`, prompt: `Question: What is ${i} + 2?\nAnswer:`, answer: i + 2 },
      split: splits[i] ?? "train",
    }),
  );
  writeFileSync(file, lines.join("\n"));
  return jsonlTask(file, { grader: "numeric", maxTokens: 6 });
}

/** `WHETSTONE_CRASH=full`: on SmolLM2 too, whose losses and adapters smollm2-loop holds to a worker's. */
const FULL = process.env["WHETSTONE_CRASH"] === "full";
const smollm2 = PYTHON === undefined || !FULL ? undefined : await fetchRealModel("smollm2");
const CASES: readonly Case[] = [
  {
    name: "a tiny model",
    base: async (folder) => {
      await writeTinyModel(join(folder, "base"), 2);
      return join(folder, "base");
    },
    task: () => tinyTask(true),
    methods: [sft, dpo, xpo],
    trainN: 5,
    fit: tinyFit,
    turns: 0,
  },
  ...(smollm2 === undefined
    ? []
    : [
        {
          name: "SmolLM2",
          base: () => Promise.resolve(smollm2),
          task: sums,
          methods: [sft, dpo],
          trainN: 3,
          fit: { ...tinyFit, learningRate: 1e-4, epochs: 1 },
          turns: 1,
        },
      ]),
];

describe.skipIf(PYTHON === undefined).each(CASES)(
  "the page of a run of $name that a worker trained for",
  { timeout: 300_000 },
  ({ base: baseIn, task: taskIn, methods: METHODS, trainN, fit, turns }) => {
    const folder = mkdtempSync(join(tmpdir(), "whetstone-page-"));
    let worker: Worker;
    let policy: LocalPolicy;
    let there: ConnectedTrainer;
    let exports = 0;
    beforeAll(async () => {
      const base = await baseIn(folder);
      worker = await startWorker(base, ["--threads", "1"]);
      policy = await LocalPolicy.load(base, { threads: 1, rows: 64 });
      there = await connectTrainer({ url: worker.url, base });
    });
    afterAll(async () => {
      await there?.close();
      await policy?.dispose();
      await worker?.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    const exported = async (trainer: Trainer): Promise<string> => {
      const place = join(folder, `adapter-${exports++}`);
      await trainer.exportAdapter(place);
      return place;
    };
    const here = (): Trainers => localTrainers(policy);
    /** Trains here, from the adapter that the worker begins with. */
    const local = (): Trainers => ({
      ...here(),
      start: async (options) => {
        const first = await there.trainers.start(options);
        const from = await exported(first);
        await first.dispose();
        return here().start({ ...options, from });
      },
    });
    /** Trains on the worker, and draws here: whoever draws has a randomness of their own. */
    const remote = (): Trainers => ({
      ...(there.trainers as Trainers),
      start: async (options) => {
        const trainer = await there.trainers.start(options);
        const drawing = async (name: string): Promise<Policy> =>
          here().withAdapter(await exported(trainer), name);
        // Its members are on its prototype, and its own are private: all but this one ask the trainer itself.
        return new Proxy(trainer, {
          get: (_, key) => {
            if (key === "policy") return drawing;
            const member: unknown = Reflect.get(trainer, key);
            return typeof member === "function" ? (member.bind(trainer) as unknown) : member;
          },
        });
      },
      withAdapter: (place, name) => here().withAdapter(place, name),
    });

    /** Every number of the page's figures by its path, and the words between. */
    const figures = (dir: string): Map<string, unknown> => {
      const found = new Map<string, unknown>();
      const walk = (value: unknown, path: string): void => {
        if (typeof value !== "object" || value === null) found.set(path, value);
        else for (const [key, inner] of Object.entries(value)) walk(inner, `${path}/${key}`);
      };
      const { seconds: _, ...rest } = JSON.parse(readFileSync(join(dir, "metrics.json"), "utf8")) as {
        readonly seconds: unknown;
      };
      walk(rest, "");
      return found;
    };

    it("is the page of a run that this machine trained for, within the noise of float order", async () => {
      const task = await taskIn(folder);
      const job = tinyJob(policy, task);
      const methods = METHODS.map((method) => ({
        method,
        trainN,
        ...(method === xpo && { own: { beta: 0.5, optimism: 0.05, rounds: 2 } }),
        fit,
      }));
      const [one, other] = [join(folder, "here"), join(folder, "there")];
      for (const [dir, trainers] of [
        [one, local()],
        [other, remote()],
      ] as const)
        await runJob(dir, { ...job, amortize: { ...job.amortize!, methods, trainers } });
      // An adapter's draw turns where a token's chance ends within the noise of float order of the number that picks it.
      const turned = new Set<string>();
      for (const { name } of METHODS) {
        const drawn = [one, other].map((dir) =>
          recordsOf<Response>(join(dir, "adapters", name, "responses.jsonl")),
        );
        expect(drawn[0]!.length).toBeGreaterThan(10);
        const differing = drawn[0]!.filter(({ text }, i) => text !== drawn[1]![i]!.text);
        expect(differing.length, name).toBeLessThanOrEqual(turns);
        if (differing.length > 0) turned.add(name);
        const asked = drawn.flat().map(({ promptId, tokens }) => ({
          prompt: task.prompts("test").find(({ id }) => id === promptId)!,
          tokens,
        }));
        const said: Float64Array[][] = [];
        for (const dir of [one, other]) {
          const adapted = await here().withAdapter(join(dir, "adapters", name), name);
          said.push(await adapted.logProb(asked));
        }
        said[0]!.forEach((logProbs, i) => {
          logProbs.forEach((logProb, t) =>
            expect(Math.abs(said[1]![i]![t]! - logProb), `${name}, response ${i}`).toBeLessThan(1e-4),
          );
        });
      }
      const [a, b] = [figures(one), figures(other)];
      expect([...b.keys()]).toEqual([...a.keys()]);
      /** Whether a figure is made of draws that turned: all that an adapter's draws give, but no loss; and what is said of all adapters. */
      const isTurned = (path: string): boolean => {
        const [, part = "", name = ""] = path.split("/");
        if (part === "adapters") return turned.has(name) && !path.endsWith("Loss");
        return turned.size > 0 && ["findings", "costs"].includes(part);
      };
      let numbers = 0;
      for (const [path, value] of a) {
        if (isTurned(path)) continue;
        const beside = b.get(path);
        if (typeof value !== "number") expect(beside, path).toBe(value);
        else {
          numbers++;
          expect(Math.abs((beside as number) - value), path).toBeLessThan(
            1e-3 * Math.max(1, Math.abs(value)),
          );
        }
      }
      expect(numbers).toBeGreaterThan(100);
    });
  },
);
