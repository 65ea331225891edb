import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig, tensorShapes } from "../families/config.js";
import { writeSafetensors } from "./safetensors.js";
import { checkWeights, openWeights } from "./weights.js";

const testdata = join(import.meta.dirname, "../testdata");
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "whetstone-weights-"));
});
afterAll(() => rm(root, { recursive: true }));
const newFolder = () => mkdtemp(join(root, "model-"));

/** Two shards, and an index that lists them. */
async function sharded(
  change: (weightMap: Record<string, string>) => void = () => undefined,
): Promise<string> {
  const folder = await newFolder();
  const value = (x: number) => ({ shape: [1], data: Float32Array.of(x) });
  await writeSafetensors(
    join(folder, "model-1.safetensors"),
    new Map([
      ["a", value(1)],
      ["b", value(2)],
    ]),
  );
  await writeSafetensors(join(folder, "model-2.safetensors"), new Map([["c", value(3)]]));
  const weightMap = { a: "model-1.safetensors", b: "model-1.safetensors", c: "model-2.safetensors" };
  change(weightMap);
  await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: weightMap }));
  return folder;
}

test.each(["tiny-gqa", "tiny-tied"])(
  "%s, saved by transformers, has the weights that its config asks for",
  async (name) => {
    const folder = join(testdata, name);
    const shapes = tensorShapes(await loadConfig(folder));
    const weights = await openWeights(folder);
    checkWeights(weights, shapes, folder);
    expect(new Set(weights.names())).toEqual(new Set(shapes.keys()));
    expect(weights.has("lm_head.weight")).toBe(name === "tiny-gqa");
    expect((await weights.read("model.norm.weight")).data).toHaveLength(32);
    await weights.close();
  },
);

test("shards are read through their index", async () => {
  const weights = await openWeights(await sharded());
  const values = await Promise.all(["a", "b", "c"].map(async (name) => [...(await weights.read(name)).data]));
  expect(values).toEqual([[1], [2], [3]]);
  expect(weights.names()).toEqual(["a", "b", "c"]);
  expect(weights.shape("c")).toEqual([1]);
  expect(() => weights.shape("d")).toThrow("have no tensor d");
  await expect(weights.read("d")).rejects.toThrow("have no tensor d");
  await weights.close();
});

test("the language part of a model that also sees has the names of a model of text alone", async () => {
  const value = (x: number) => ({ shape: [1], data: Float32Array.of(x) });
  const folder = await newFolder();
  await writeSafetensors(
    join(folder, "model.safetensors"),
    new Map([
      ["language_model.model.norm.weight", value(1)],
      ["language_model.lm_head.weight", value(2)],
      ["model.language_model.embed_tokens.weight", value(3)],
      ["language_model.other", value(4)],
      ["vision_tower.norm.weight", value(5)],
      ["model.language_model.layers.0.weight", value(6)],
      ["model.layers.0.weight", value(7)],
    ]),
  );
  const weights = await openWeights(folder);
  const values = new Map<string, number>();
  for (const name of weights.names()) {
    expect(weights.shape(name)).toEqual([1]);
    values.set(name, (await weights.read(name)).data[0]!);
  }
  expect(Object.fromEntries(values)).toEqual({
    "model.norm.weight": 1,
    "lm_head.weight": 2,
    "model.embed_tokens.weight": 3,
    "language_model.other": 4,
    "vision_tower.norm.weight": 5,
    "model.layers.0.weight": 7,
  });
  await weights.close();
});

test.each([
  ["outside of the folder", "../model-2.safetensors", "which is not a .safetensors file of its folder"],
  ["an absolute path", "/model-2.safetensors", "which is not a .safetensors file of its folder"],
  ["another format", "model-2.bin", "which is not a .safetensors file of its folder"],
  ["a shard that is not there", "model-3.safetensors", "there is no such file"],
  ["the wrong shard", "model-1.safetensors", "puts c in model-1.safetensors, which does not hold it"],
])("an index that names %s is refused", async (_, shard, message) => {
  const folder = await sharded((weightMap) => (weightMap["c"] = shard));
  await expect(openWeights(folder)).rejects.toThrow(message);
});

test("a truncated shard is refused before anything is read", async () => {
  const folder = await sharded();
  const path = join(folder, "model-2.safetensors");
  await writeFile(path, (await readFile(path)).subarray(0, -1));
  await expect(openWeights(folder)).rejects.toThrow(`${path} is truncated`);
});

test("weights in a format that can run code are never opened", async () => {
  for (const name of [
    "pytorch_model.bin",
    "model.pt",
    "model.pth",
    "model.ckpt",
    "model.pkl",
    "weights.npz",
  ]) {
    const folder = await newFolder();
    await writeFile(join(folder, name), "");
    await expect(openWeights(folder)).rejects.toThrow(
      `only as ${name}, a format that is never opened here; convert to safetensors`,
    );
  }
});

test("a folder without weights, and no folder at all, are told apart", async () => {
  await expect(openWeights(await newFolder())).rejects.toThrow("has no weights");
  await expect(openWeights(join(root, "absent"))).rejects.toThrow("there is no such file");
});

test("weights that do not fit the config are refused by tensor", async () => {
  const folder = await newFolder();
  await copyFile(join(testdata, "tiny-tied", "model.safetensors"), join(folder, "model.safetensors"));
  const weights = await openWeights(folder);
  const tied = await loadConfig(join(testdata, "tiny-tied"));
  const untied = tensorShapes({ ...tied, tieWordEmbeddings: false });
  expect(() => checkWeights(weights, untied, folder)).toThrow("have no tensor lm_head.weight");
  const wider = tensorShapes({ ...tied, intermediateSize: 64 });
  expect(() => checkWeights(weights, wider, folder)).toThrow(
    "mlp.gate_proj.weight has the shape [48, 32], config.json says [64, 32]",
  );
  await weights.close();
});
