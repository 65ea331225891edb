/** Full fine-tuning: against torch (scripts/golden/full_step.py), and as it is written, read and gone on from. */
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { FINAL_NORM } from "../transformer/families/modules.js";
import { openSafetensors } from "../transformer/format/safetensors.js";
import { saveAdapter } from "../transformer/format/peft.js";
import {
  largestDifference,
  randomModel,
  testdata,
  tinyModel,
} from "../transformer/tiny-models.test-helper.js";
import { LocalPolicy } from "./local-policy.js";
import { localTrainers } from "./local-trainer.js";
import type { ScoreRequest } from "./policy.js";
import type { TrainerOptions } from "./trainer.js";

interface Golden {
  readonly learned: readonly { readonly tokens: number[]; readonly start: number; readonly weight: number }[];
  readonly rate: number;
  readonly decay: number;
  readonly clip: number;
  readonly entries: number;
  readonly models: Readonly<
    Record<
      "tiny-gqa" | "tiny-tied",
      {
        readonly steps: readonly { readonly loss: number; readonly norm: number }[];
        readonly gradients: Readonly<Record<string, { readonly norm: number; readonly entries: number[] }>>;
        readonly weights: Readonly<Record<string, number[]>>;
        readonly logProbs: readonly number[][];
      }
    >
  >;
}

const FULL: TrainerOptions = { full: true, rank: 1, alpha: 1, clipNorm: Infinity, weightDecay: 0, seed: 0 };
const golden = JSON.parse(await readFile(join(testdata, "full-step.json"), "utf8")) as Golden;

/** Evenly spaced entries, as the script takes them. */
const entriesOf = (values: Float32Array): number[] => {
  const step = Math.max(1, Math.floor(values.length / golden.entries));
  return Array.from({ length: golden.entries }, (_, i) => values[i * step]!).filter((x) => x !== undefined);
};

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "whetstone-full-"));
});
afterAll(() => rm(root, { recursive: true }));

async function tensorsOf(path: string): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(path);
  const tensors = new Map<string, Float32Array>();
  for (const name of file.tensors.keys()) tensors.set(name, (await file.read(name)).data);
  await file.close();
  return tensors;
}

/** Rows as a policy scores them: the model's prompts are ids, given as a prompt's own. */
async function policyOfIds(name: "tiny-gqa" | "tiny-tied") {
  const policy = LocalPolicy.of(await tinyModel(name), { threads: 1, rows: 4 });
  const prompts = new Map<string, readonly number[]>(
    golden.learned.map(({ tokens, start }, i) => [`row-${i}`, tokens.slice(0, start)]),
  );
  // What a prompt's text becomes is not at stake here.
  policy.pairsOf = (examples) =>
    Promise.resolve(
      examples.map(({ prompt, tokens }) => ({ prompt: prompts.get(prompt.id)!, response: tokens })),
    );
  const sequences: ScoreRequest[] = golden.learned.map(({ tokens, start }, i) => ({
    prompt: { id: `row-${i}`, text: "" },
    tokens: tokens.slice(start),
  }));
  return { policy, sequences };
}

describe.each(["tiny-gqa", "tiny-tied"] as const)("two steps on every weight of %s", (name) => {
  it("are torch's: losses, norms, gradients, weights and log π", async () => {
    const { policy, sequences } = await policyOfIds(name);
    const expected = golden.models[name];
    const options = { ...FULL, clipNorm: golden.clip, weightDecay: golden.decay };
    const trainer = await localTrainers(policy).start(options);
    const weights = golden.learned.map(({ weight }, i) => sequences[i]!.tokens.map(() => weight));
    const checkpoint = join(root, `${name}.safetensors`);
    for (const [step, { loss, norm }] of expected.steps.entries()) {
      expect(Math.abs((await trainer.forwardBackward(sequences, weights)) - loss)).toBeLessThan(1e-4);
      expect((await trainer.optimStep(golden.rate)).gradientNorm / norm).toBeCloseTo(1, 4);
      if (step > 0) continue;
      // AdamW's first moment after one step is a tenth of the clipped gradient.
      await trainer.save(checkpoint, {});
      const scale = 10 * Math.max(1, norm / golden.clip);
      const moments = await tensorsOf(checkpoint);
      for (const [key, gradient] of Object.entries(expected.gradients)) {
        const own = moments.get(`${key}.first_moment`)!.map((value) => scale * value);
        const size = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
        expect(Math.abs(size / gradient.norm - 1), key).toBeLessThan(1e-4);
        expect(largestDifference(entriesOf(own), gradient.entries), key).toBeLessThan(
          1e-4 * gradient.norm + 1e-6,
        );
      }
    }
    await trainer.save(checkpoint, {});
    const after = await tensorsOf(checkpoint);
    // Every weight is trained, and nothing else.
    const trained = [...after.keys()].filter((key) => !key.endsWith("_moment") && key !== "lora.scaling");
    expect(trained.sort()).toEqual(Object.keys(expected.weights).sort());
    for (const [key, values] of Object.entries(expected.weights))
      expect(largestDifference(entriesOf(after.get(key)!), values), key).toBeLessThan(2e-4);
    const rows = await trainer.logProbs(sequences);
    golden.learned.forEach(({ start }, i) => {
      expect(largestDifference(rows[i]!, expected.logProbs[i]!.slice(start - 1))).toBeLessThan(2e-3);
    });
    await trainer.dispose();
    await policy.dispose();
  });
});

describe("what full fine-tuning writes", () => {
  const sequences: ScoreRequest[] = [
    { prompt: { id: "a", text: "The answer" }, tokens: [50, 60, 100] },
    { prompt: { id: "b", text: "a" }, tokens: [7, 12] },
  ];
  const weights = sequences.map(({ tokens }) => tokens.map(() => 1));
  let base: LocalPolicy;
  beforeAll(async () => {
    // Its tokenizer's files are those that lie in its folder.
    base = LocalPolicy.of(
      { ...(await randomModel({ tieWordEmbeddings: true })), folder: join(testdata, "tiny-bpe") },
      { threads: 1, rows: 8 },
    );
  });
  afterAll(() => base.dispose());

  const stepped = async (options: Partial<TrainerOptions> = {}, rate = 0.01) => {
    const trainer = await localTrainers(base).start({ ...FULL, ...options });
    for (let i = 0; i < 2; i++) {
      await trainer.forwardBackward(sequences, weights);
      await trainer.optimStep(rate);
    }
    return trainer;
  };
  const rowsOf = async (policy: Pick<LocalPolicy, "logProb">): Promise<number[]> =>
    (await policy.logProb(sequences)).flatMap((row) => [...row]);

  it("is a model: a policy of its own, with the same log π, and the base is as it was", async () => {
    const before = await rowsOf(base);
    const trainer = await stepped();
    const now = (await trainer.logProbs(sequences)).flatMap((row) => Array.from(row));
    expect(largestDifference(now, before)).toBeGreaterThan(0.05);
    const folder = join(root, "model");
    await trainer.exportAdapter(folder);
    const files = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"];
    expect(await readdir(folder)).toEqual(expect.arrayContaining(files));
    const loaded = await LocalPolicy.load(folder, { threads: 1, rows: 8 });
    expect(largestDifference(await rowsOf(loaded), now)).toBeLessThan(1e-5);
    const fed = await localTrainers(base).withAdapter(folder, "full");
    expect(largestDifference(await rowsOf(fed as LocalPolicy), now)).toBeLessThan(1e-5);
    expect(largestDifference(await rowsOf(base), before)).toBe(0);
    await Promise.all([trainer.dispose(), loaded.dispose(), fed.dispose()]);
  });

  it("is gone on from: by all weights, by an adapter that leaves them, and by the one number", async () => {
    const trainer = await stepped();
    const folder = join(root, "begun");
    await trainer.exportAdapter(folder);
    const begun = (await trainer.adapter()).replaced!;
    const again = await stepped({ from: folder }, 0);
    expect(
      largestDifference((await again.logProbs(sequences))[0]!, (await trainer.logProbs(sequences))[0]!),
    ).toBeLessThan(1e-5);
    const lora = await stepped({ full: false, targetModules: ["v_proj"], from: folder }, 0.05);
    expect(
      largestDifference((await lora.adapter()).replaced!.get(FINAL_NORM)!.data, begun.get(FINAL_NORM)!.data),
    ).toBe(0);
    // It is merged, since its base is not the run's.
    const merged = join(root, "merged");
    await lora.exportAdapter(merged);
    const loaded = await LocalPolicy.load(merged, { threads: 1, rows: 8 });
    const rows = (await lora.logProbs(sequences)).flatMap((row) => Array.from(row));
    expect(largestDifference(await rowsOf(loaded), rows)).toBeLessThan(1e-4);
    const number = await stepped({ full: false, targetModules: ["temperature"], from: folder }, 1e-3);
    // Its gradient is taken where it is: the number multiplies the norm that it begins at.
    const begunRows = (await number.logProbs(sequences)).flatMap((row) => Array.from(row));
    const sum = -begunRows.reduce((a, b) => a + b, 0);
    expect(Math.abs((await number.forwardBackward(sequences, weights)) - sum)).toBeLessThan(1e-4);
    const after = (await number.adapter()).replaced!;
    const ratio = after.get(FINAL_NORM)!.data.map((value, i) => value / begun.get(FINAL_NORM)!.data[i]!);
    expect(ratio[0]).not.toBeCloseTo(1, 3);
    expect(
      largestDifference(
        ratio,
        ratio.map(() => ratio[0]!),
      ),
    ).toBeLessThan(1e-5);
    await Promise.all([trainer, again, lora, loaded, number].map((each) => each.dispose()));
  });

  it("begins at an adapter by merging it", async () => {
    const trainer = await stepped(
      { full: false, rank: 2, alpha: 4, targetModules: ["q_proj", "norm"] },
      0.05,
    );
    const folder = join(root, "adapter");
    await trainer.exportAdapter(folder);
    const full = await stepped({ from: folder }, 0);
    const [a, b] = [await full.logProbs(sequences), await trainer.logProbs(sequences)];
    a.forEach((row, i) => expect(largestDifference(row, b[i]!)).toBeLessThan(1e-4));
    await Promise.all([trainer.dispose(), full.dispose()]);
  });

  it("is no adapter, and counts every number of the model", async () => {
    const trainer = await stepped();
    await expect(saveAdapter(join(root, "no"), await trainer.adapter())).rejects.toThrow(
      "every weight of a model",
    );
    const values = [...base.runtime.model.weights.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(localTrainers(base).parameters({ rank: 4, full: true })).toBe(values);
    await trainer.dispose();
  });

  it("is refused in one sentence where the weights are not there, or memory is not", async () => {
    const model = base.runtime.model;
    const kept = LocalPolicy.of({ ...model, quantization: "keep" }, { threads: 1 });
    const small = LocalPolicy.of(model, { threads: 1, memory: 1 });
    expect(localTrainers(kept).noFull).toMatch(
      /^Full fine-tuning changes every weight, and those of random are kept as they are stored: .*\.$/,
    );
    expect(localTrainers(small).noFull).toMatch(
      /^Full fine-tuning of random needs about 0\.0 GB of memory beside the model, and 0\.0 GB are free: .*\.$/,
    );
    await expect(localTrainers(kept).start(FULL)).rejects.toThrow(UsageError);
    await Promise.all([kept.dispose(), small.dispose()]);
  });
});
