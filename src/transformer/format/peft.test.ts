import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../../core/errors.js";
import { loadAdapter, saveAdapter, type LoraAdapter } from "./peft.js";
import { openSafetensors, writeSafetensors } from "./safetensors.js";

const golden = join(import.meta.dirname, "../testdata", "tiny-gqa-lora");
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "whetstone-peft-"));
});
afterAll(() => rm(root, { recursive: true }));

type Json = Record<string, unknown>;
const readJson = async (path: string): Promise<Json> => JSON.parse(await readFile(path, "utf8")) as Json;

/** A copy of the golden adapter with some of its config's fields changed. */
async function changed(fields: Json): Promise<string> {
  const folder = await mkdtemp(join(root, "changed-"));
  const config = { ...(await readJson(join(golden, "adapter_config.json"))), ...fields };
  await writeFile(join(folder, "adapter_config.json"), JSON.stringify(config));
  await copyFile(join(golden, "adapter_model.safetensors"), join(folder, "adapter_model.safetensors"));
  return folder;
}

describe("an adapter saved by Python's peft", () => {
  test("is read with the same matrices", async () => {
    const { weights: expected } = (await readJson(join(golden, "golden.json"))) as {
      weights: Record<string, { a: number[][]; b: number[][] }>;
    };
    const adapter = await loadAdapter(golden);
    expect(adapter).toMatchObject({ rank: 4, alpha: 8, targetModules: ["down_proj", "q_proj", "v_proj"] });
    expect(new Set(adapter.weights.keys())).toEqual(new Set(Object.keys(expected)));
    for (const [module, { a, b }] of Object.entries(expected)) {
      const pair = adapter.weights.get(module)!;
      expect(pair.a).toEqual(Float32Array.from(a.flat()));
      expect(pair.b).toEqual(Float32Array.from(b.flat()));
      expect([pair.inFeatures, pair.outFeatures]).toEqual([a[0]!.length, b.length]);
    }
  });

  test("is saved again as the same bytes, under a config that says the same", async () => {
    const folder = join(root, "new", "copy");
    await saveAdapter(folder, await loadAdapter(golden), "tiny-gqa");
    const file = "adapter_model.safetensors";
    expect(await readFile(join(folder, file))).toEqual(await readFile(join(golden, file)));
    const theirs = await readJson(join(golden, "adapter_config.json"));
    const ours = await readJson(join(folder, "adapter_config.json"));
    for (const [field, value] of Object.entries(ours)) expect([field, theirs[field]]).toEqual([field, value]);
  });
});

test("an adapter on any linears comes back from disk as it was", async () => {
  const modules = ["self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj"];
  const adapter = fc
    .tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.float({ min: Math.fround(0.5), max: 64, noNaN: true }),
      fc.uniqueArray(fc.constantFrom(0, 1, 2), { minLength: 1 }),
      fc.nat(1000),
    )
    .map(([rank, alpha, chosen, salt]): LoraAdapter => {
      const fill = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i + salt));
      const weights = new Map(
        chosen.map((index) => {
          const [inFeatures, outFeatures] = [index + 2, 5 - index];
          const pair = { a: fill(rank * inFeatures), b: fill(outFeatures * rank), inFeatures, outFeatures };
          return [`model.layers.${index}.${modules[index]}`, pair];
        }),
      );
      return { rank, alpha, targetModules: chosen.map((index) => modules[index]!.split(".")[1]!), weights };
    });
  const folder = join(root, "round-trip");
  await fc.assert(
    fc.asyncProperty(adapter, async (original) => {
      await saveAdapter(folder, original);
      expect(await loadAdapter(folder)).toEqual(original);
    }),
    { numRuns: 30 },
  );
});

test("rank-stabilized scaling becomes the alpha of the same function", async () => {
  const plain = await loadAdapter(golden);
  const stabilized = await loadAdapter(await changed({ use_rslora: true }));
  // alpha / √rank = 8 / 2.
  expect(stabilized.alpha / stabilized.rank).toBe(4);
  expect(stabilized.weights).toEqual(plain.weights);
});

test("a pattern of target modules is replaced by the names in the weights", async () => {
  const { targetModules } = await loadAdapter(await changed({ target_modules: ".*_proj" }));
  expect(targetModules).toEqual(["down_proj", "q_proj", "v_proj"]);
});

test("targets that are whole paths, or in no base, are read off the matrices", async () => {
  const kinds = (await loadAdapter(golden)).targetModules;
  for (const listed of [["model.layers.0.mlp.down_proj"], [...kinds, "qkv_proj"], ".*_proj"]) {
    const { targetModules } = await loadAdapter(await changed({ target_modules: listed }));
    expect(targetModules).toEqual([...kinds].sort());
  }
});

describe("what is refused, by name", () => {
  test.each<[string, Json, string]>([
    ["another method", { peft_type: "IA3" }, 'an adapter of peft_type "IA3" is not supported'],
    ["DoRA", { use_dora: true }, "use_dora true is not supported; supported is plain LoRA"],
    [
      "whole modules",
      { modules_to_save: ["lm_head"] },
      "modules_to_save names lm_head, which the adapter's weights do not hold",
    ],
    ["biases", { bias: "lora_only" }, 'bias "lora_only" is not supported; supported is "none"'],
    ["LoRA biases", { lora_bias: true }, "lora_bias true is not supported"],
    ["ranks by module", { rank_pattern: { q_proj: 2 } }, 'rank_pattern {"q_proj":2} is not supported'],
    ["alphas by module", { alpha_pattern: { q_proj: 2 } }, 'alpha_pattern {"q_proj":2} is not supported'],
    ["transposed weights", { fan_in_fan_out: true }, "fan_in_fan_out true is not supported"],
    ["repeated layers", { layer_replication: [[0, 2]] }, "layer_replication [[0,2]] is not supported"],
    ["a changed base", { init_lora_weights: "pissa" }, 'init_lora_weights "pissa" is not supported'],
    ["another task", { task_type: "SEQ_CLS" }, 'task_type "SEQ_CLS" is not supported'],
    ["a feature of the future", { use_wonder: true }, "use_wonder true is not supported"],
    ["no rank", { r: undefined }, "r is missing or malformed"],
    ["rank 0", { r: 0 }, "r is missing or malformed"],
    ["alpha 0", { lora_alpha: 0 }, "lora_alpha is missing or malformed"],
    ["another rank than the weights'", { r: 8 }, "lora_A.weight has the shape [4, 48], rank 8 needs [8, in]"],
  ])("%s", async (_, fields, message) => {
    const error: unknown = await loadAdapter(await changed(fields)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as ModelError).message).toContain(message);
  });

  test("weights that are no pairs of matrices", async () => {
    const folder = await changed({});
    const path = join(folder, "adapter_model.safetensors");
    const file = await openSafetensors(path);
    const tensors = new Map(
      await Promise.all([...file.tensors.keys()].map(async (key) => [key, await file.read(key)] as const)),
    );
    await file.close();
    const [first] = [...tensors.keys()].filter((key) => key.includes("lora_B"));
    await writeSafetensors(path, new Map([...tensors].filter(([key]) => key !== first)));
    await expect(loadAdapter(folder)).rejects.toThrow(`has no ${first}, the other half of its pair`);
    const magnitude = { shape: [2], data: Float32Array.of(1, 2) };
    const key = "base_model.model.model.layers.0.mlp.down_proj.lora_magnitude_vector.weight";
    await writeSafetensors(path, new Map([...tensors, [key, magnitude]]));
    await expect(loadAdapter(folder)).rejects.toThrow(`the tensor ${key} is not supported`);
    await writeSafetensors(path, new Map());
    await expect(loadAdapter(folder)).rejects.toThrow("holds no LoRA matrices");
    await rm(path);
    await writeFile(join(folder, "adapter_model.bin"), "");
    await expect(loadAdapter(folder)).rejects.toThrow("convert to safetensors");
  });

  test("an adapter whose parts contradict each other is not saved", async () => {
    const adapter = await loadAdapter(golden);
    const folder = join(root, "contradiction");
    await expect(saveAdapter(folder, { ...adapter, rank: 3 })).rejects.toThrow("does not hold");
    await expect(saveAdapter(folder, { ...adapter, targetModules: ["q_proj"] })).rejects.toThrow(
      "is none of q_proj",
    );
  });
});
