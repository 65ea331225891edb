import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import type { ScoreRequest } from "../../src/policy/policy.js";
import { dispatcherFor } from "../../src/policy/remote/transport.js";
import { adapterFiles } from "../../src/policy/tinker/adapter-files.js";
import { BaseText } from "../../src/policy/tinker/base-text.js";
import { TinkerConnection } from "../../src/policy/tinker/connection.js";
import { measureHabits } from "../../src/policy/tinker/measure-habits.js";
import { TinkerSession, type TinkerModel } from "../../src/policy/tinker/session.js";
import { scoreOn } from "../../src/policy/tinker/tinker-policy.js";
import {
  rewardRegressionObjective,
  sftObjective,
  xpoObjective,
  type Objective,
} from "../../src/sharpen/objectives/index.js";
import { loadAdapter } from "../../src/transformer/format/peft.js";
import { openSafetensors } from "../../src/transformer/format/safetensors.js";
import { Trainer } from "../../src/transformer/train/trainer.js";
import { SKYRL, startSkyRL } from "../support/skyrl.js";
import { writeTinyModel } from "../support/tiny-model.js";
import { PYTHON, startWorker } from "../support/worker.js";

/** Gradients by the name of the adapter's tensor. */
type Gradients = ReadonlyMap<string, ArrayLike<number>>;

/** What a gradient is multiplied by, to stand out of the parameters' rounding. */
const SCALE = 1000;
/** Far above any gradient. */
const FAR = 1e9;
const SHAPE = {
  rank: 4,
  // SkyRL's own, whatever is asked for.
  alpha: 32,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
  seed: 3,
};
const prompts = ["4 9 10 13 = 24 :", "1 2", "6 6 6 6 = 24 : 6"].map((text, i) => ({ id: `${i}`, text }));
const sequences: readonly ScoreRequest[] = [
  { prompt: prompts[0]!, tokens: [5, 6, 10, 2] },
  { prompt: prompts[0]!, tokens: [21, 11] },
  { prompt: prompts[1]!, tokens: [7, 40, 100] },
  { prompt: prompts[1]!, tokens: [12, 30, 45, 80, 9] },
  { prompt: prompts[2]!, tokens: [33, 2] },
  { prompt: prompts[2]!, tokens: [17, 18, 19] },
];
const pairs = [0, 2, 4].map((first) => ({
  first,
  second: first + 1,
  referenceGap: 0.5 - 0.2 * first,
  rewardGap: 0.3 * first - 0.4,
}));
const regression = { beta: 0.7, pairs, sequences: sequences.length };
const tokens = sequences.reduce((sum, each) => sum + each.tokens.length, 0);
const objectives: Readonly<Record<string, Objective>> = {
  sft: sftObjective(sequences.length, tokens),
  pair: rewardRegressionObjective(regression),
  xpo: xpoObjective({ ...regression, alpha: 0.3 }),
};

/** The weights of each token that an objective asks for, at given log-probabilities: −∂L/∂log π. */
function weightsFor(objective: Objective, rows: readonly ArrayLike<number>[]): number[][] {
  const totals = rows.map((row) => Array.from(row).reduce((a, b) => a + b, 0));
  const { gradient } = objective.evaluate(totals);
  return sequences.map((each, i) => each.tokens.map(() => -gradient[i]!));
}

const tensorName = (key: string): string => key.replace(/^base_model\.model\./, "").replace(/\.weight$/, "");

async function tensorsOf(folder: string): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(join(folder, "adapter_model.safetensors"));
  const tensors = new Map<string, Float32Array>();
  for (const key of file.tensors.keys()) tensors.set(tensorName(key), (await file.read(key)).data);
  await file.close();
  return tensors;
}

async function exported(model: TinkerModel, folder: string): Promise<Map<string, Float32Array>> {
  mkdirSync(folder, { recursive: true });
  const { files } = await adapterFiles(model);
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  return tensorsOf(folder);
}

function far(a: Gradients, b: Gradients): number {
  let [difference, size] = [0, 0];
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  for (const [name, values] of b) {
    const others = a.get(name)!;
    for (let i = 0; i < values.length; i++) {
      difference += (others[i]! - values[i]!) ** 2;
      size += values[i]! ** 2;
    }
  }
  return Math.sqrt(difference / size);
}

interface Server {
  readonly url: string;
  remove(): Promise<void>;
}

/** Linears that have one A together, of which each exported tensor is a copy. */
type Shared = readonly (readonly string[])[];

/** Where tensors are one, the gradient of that one is the sum of theirs. */
function summed(gradients: Gradients, shared: Shared): Gradients {
  const result = new Map(gradients);
  for (const name of gradients.keys()) {
    const [, layer, linear] = /^(.*\.)(\w+)\.lora_A$/.exec(name) ?? [];
    const together = shared.find((names) => linear !== undefined && names.includes(linear));
    const all = together?.map((each) => gradients.get(`${layer!}${each}.lora_A`)!);
    if (all)
      result.set(
        name,
        Float64Array.from(all[0]!, (_, i) => all.reduce((sum, each) => sum + each[i]!, 0)),
      );
  }
  return result;
}

const servers = [
  {
    name: "the worker",
    there: PYTHON !== undefined,
    shared: [],
    start: (base: string): Promise<Server> => startWorker(base, ["--threads", "1"]),
  },
  {
    name: "SkyRL's server",
    there: PYTHON !== undefined && SKYRL !== undefined,
    shared: [
      ["q_proj", "k_proj", "v_proj"],
      ["gate_proj", "up_proj"],
    ],
    start: (base: string): Promise<Server> => startSkyRL(base),
  },
] as const;

describe.each(servers)("gradients of $name", ({ there, shared, start }) => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-gradients-"));
  const base = join(folder, "base");
  const first = join(folder, "first");
  const dispatcher = dispatcherFor();
  let server: Server;
  let session: TinkerSession;
  let text: BaseText;
  let saved: string;
  let before: Map<string, Float32Array>;
  beforeAll(async () => {
    if (!there) return;
    await writeTinyModel(base, 5, { family: "qwen3", queryKeyNorm: true, layers: 2 });
    server = await start(base);
    text = await BaseText.open(base);
    session = await TinkerSession.open(new TinkerConnection({ url: server.url, dispatcher }), base);
    await measureHabits(session, text);
    const model = await session.createToTrain(SHAPE);
    // B is zero at first, and so the gradient of A.
    await model.pass(await text.sequences(sequences), { forwardOnly: false });
    await model.step({ rate: 0.05 });
    before = await exported(model, first);
    saved = await model.save(session.name());
    await model.unload();
  });
  afterAll(async () => {
    session?.close();
    await dispatcher.close();
    await server?.remove();
    rmSync(folder, { recursive: true });
  });

  /** A step of Adam with an ε far above any gradient is one of plain descent: what it moves is the gradient. */
  const served = async (objective: Objective): Promise<Gradients> => {
    const model = await session.createToTrain(SHAPE);
    await model.load(saved, false);
    const rows = await scoreOn(model, text, sequences);
    const weighed = await text.sequences(sequences, weightsFor(objective, rows));
    await model.pass(weighed, { forwardOnly: false });
    await model.step({ rate: SCALE * FAR, epsilon: FAR });
    const after = await exported(model, join(folder, `after-${objective.name}`));
    await model.unload();
    return new Map(
      [...before].map(([name, values]) => [
        name,
        values.map((value, i) => (value - after.get(name)![i]!) / SCALE),
      ]),
    );
  };

  /** By the local engine, of AdamW's first moment after one step. */
  const local = async (policy: LocalPolicy, objective: Objective): Promise<Gradients> => {
    const { model, engine, maxLength } = policy.runtime;
    const adapter = await loadAdapter(first);
    const trainer = await Trainer.lora(engine, model.config, model.weights, adapter, {
      maxLength,
      clipNorm: Infinity,
    });
    const adapted = await policy.withAdapter(adapter);
    const rows = await adapted.logProb(sequences);
    await trainer.forwardBackward(await policy.pairsOf(sequences), weightsFor(objective, rows));
    await trainer.optimStep(1e-9);
    const path = join(folder, "moments.safetensors");
    await trainer.saveCheckpoint(path, {});
    await adapted.dispose();
    await trainer.dispose();
    const file = await openSafetensors(path);
    const gradients = new Map<string, Float32Array>();
    for (const key of file.tensors.keys()) {
      const name = /^(.*)\.first_moment$/.exec(key)?.[1];
      if (name !== undefined)
        gradients.set(
          name,
          (await file.read(key)).data.map((value) => value / 0.1),
        );
    }
    await file.close();
    return gradients;
  };

  /** By a loop over peft that knows nothing of ours. */
  const plain = async (): Promise<ReadonlyMap<string, Gradients>> => {
    const rows = await Promise.all(
      sequences.map(async (each) => ({
        prompt: await text.promptTokens(each.prompt),
        response: each.tokens,
      })),
    );
    const paired = {
      kind: "pairs",
      sequences: rows,
      pairs: pairs.map((pair) => [pair.first, pair.second, pair.referenceGap, pair.rewardGap]),
      beta: 0.7,
      alpha: 0.3,
    };
    const cases = {
      sft: { kind: "sft", sequences: rows },
      pair: { ...paired, optimistic: [] },
      xpo: { ...paired, optimistic: pairs.map(({ second }) => second) },
    };
    const script = join(import.meta.dirname, "trainer_gradients.py");
    const input = JSON.stringify({ base, adapter: first, shared, cases });
    const ended = spawnSync(PYTHON!, [script], { input, encoding: "utf8", maxBuffer: 1 << 28 });
    expect(ended.status, ended.stderr).toBe(0);
    const answer = JSON.parse(ended.stdout) as Record<
      string,
      { readonly gradients: Record<string, number[]> }
    >;
    return new Map(
      Object.entries(answer).map(([name, { gradients }]) => [
        name,
        new Map(Object.entries(gradients).map(([key, values]) => [tensorName(key), values])),
      ]),
    );
  };

  it.skipIf(!there)(
    "are those of a plain torch loop and of the local engine, whatever the objective",
    async () => {
      const policy = await LocalPolicy.load(base, { threads: 1 });
      const torch = await plain();
      for (const [name, objective] of Object.entries(objectives)) {
        const theirs = await served(objective);
        const ours = await local(policy, objective);
        const expected = torch.get(name)!;
        const [apart, here] = [far(theirs, expected), far(summed(ours, shared), expected)];
        console.log(
          `${name}: ${apart.toExponential(1)} from torch, relative; the local engine ${here.toExponential(1)}`,
        );
        expect(apart).toBeLessThan(1e-4);
        expect(here).toBeLessThan(1e-4);
      }
      await policy.dispose();
    },
  );
});
