import { copyFile, mkdtemp, readFile, realpath, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ModelError } from "../core/errors.js";
import { toHuggingFaceConfig } from "./families/config.js";
import { digestOf, loadModel } from "./model.js";
import { openFiles } from "./format/open-files.test-helper.js";
import { writeSafetensors } from "./format/safetensors.js";
import { randomModel, testdata } from "./tiny-models.test-helper.js";

let root: string;
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "whetstone-model-")));
});
afterAll(() => rm(root, { recursive: true }));

/** A complete model folder, with random weights. */
async function modelFolder(): Promise<string> {
  const folder = await mkdtemp(join(root, "model-"));
  const { config, weights } = await randomModel();
  await writeFile(join(folder, "config.json"), JSON.stringify(toHuggingFaceConfig(config)));
  await writeSafetensors(join(folder, "model.safetensors"), new Map(weights));
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    await copyFile(join(testdata, "tiny-bpe", file), join(folder, file));
  return folder;
}

test("a folder is read as it was written, under a digest that says what is in it and not where", async () => {
  const [one, two] = [await modelFolder(), await modelFolder()];
  const written = await randomModel();
  const model = await loadModel(one);
  expect(model).toMatchObject({ name: basename(one), folder: one, config: written.config });
  expect(new Map(model.weights)).toEqual(new Map(written.weights));
  expect(model.tokenizer.encode("a", { addSpecialTokens: false })).toHaveLength(1);
  expect(model.digest).toMatch(/^[0-9a-f]{64}$/);
  expect((await loadModel(one)).digest).toBe(model.digest);
  expect((await loadModel(two)).digest).toBe(model.digest);
  expect(digestOf(written.config, written.weights)).toBe(digestOf(model.config, model.weights));
  expect((await openFiles(root)) ?? []).toEqual([]);
});

test("the digest changes with a single weight, with the configuration and with the tokenizer", async () => {
  const folder = await modelFolder();
  const { digest, weights, config } = await loadModel(folder);
  const data = weights.get("model.layers.1.mlp.up_proj.weight")!.data;
  const before = data[7]!;
  data[7] = before + 2 ** -20;
  await writeSafetensors(join(folder, "model.safetensors"), new Map(weights));
  expect((await loadModel(folder)).digest).not.toBe(digest);
  data[7] = before;
  await writeSafetensors(join(folder, "model.safetensors"), new Map(weights));
  expect((await loadModel(folder)).digest).toBe(digest);
  const other = await modelFolder();
  await writeFile(
    join(other, "config.json"),
    JSON.stringify(toHuggingFaceConfig({ ...config, ropeTheta: 20000 })),
  );
  expect((await loadModel(other)).digest).not.toBe(digest);
  const tokenizer = await readFile(join(folder, "tokenizer.json"), "utf8");
  await writeFile(join(folder, "tokenizer.json"), tokenizer.replace("<|im_start|>", "<|im_begin|>"));
  expect((await loadModel(folder)).digest).not.toBe(digest);
});

test.each<[string, (folder: string) => Promise<void>, RegExp]>([
  ["no configuration", (folder) => rm(join(folder, "config.json")), /config\.json: there is no such file/],
  ["no weights", (folder) => rm(join(folder, "model.safetensors")), /has no weights/],
  ["no tokenizer", (folder) => rm(join(folder, "tokenizer.json")), /tokenizer\.json: there is no such file/],
  [
    "a configuration cut short",
    async (folder) => {
      const text = await readFile(join(folder, "config.json"), "utf8");
      await writeFile(join(folder, "config.json"), text.slice(0, 40));
    },
    /config\.json is not valid JSON/,
  ],
  ["weights cut short", (folder) => truncate(join(folder, "model.safetensors"), 5000), /model\.safetensors/],
  [
    "weights of another size",
    async (folder) => {
      const { config } = await randomModel({ intermediateSize: 48 });
      await writeFile(join(folder, "config.json"), JSON.stringify(toHuggingFaceConfig(config)));
    },
    /mlp\.gate_proj\.weight has the shape \[40, 24\], config\.json says \[48, 24\]/,
  ],
  [
    "a weight that is not a number",
    async (folder) => {
      const { weights } = await randomModel();
      weights.get("model.norm.weight")!.data[3] = NaN;
      await writeSafetensors(join(folder, "model.safetensors"), new Map(weights));
    },
    /model\.norm\.weight/,
  ],
])("%s is one clear error, with no file left open", async (_, damage, message) => {
  const folder = await modelFolder();
  await damage(folder);
  await expect(loadModel(folder)).rejects.toThrow(message);
  await expect(loadModel(folder)).rejects.toThrow(ModelError);
  expect((await openFiles(root)) ?? []).toEqual([]);
});

test("a folder that is not there is named", async () => {
  await expect(loadModel(join(root, "nowhere"))).rejects.toThrow(/nowhere/);
});
