import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../core/errors.js";
import { loadConfig, parseConfig, tensorShapes, toHuggingFaceConfig, type ModelConfig } from "./config.js";

const testdata = join(import.meta.dirname, "testdata");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "whetstone-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

const tinyGqa: ModelConfig = {
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  maxPositions: 64,
  tieWordEmbeddings: false,
  bosTokenId: 1,
  eosTokenIds: [2],
  padTokenId: 0,
};

/** A config.json of transformers 4 with only what has no default. */
const minimal = {
  model_type: "llama",
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 3,
  num_attention_heads: 8,
};

describe("reading", () => {
  test("what transformers 5 saved", async () => {
    expect(await loadConfig(join(testdata, "tiny-gqa"))).toEqual(tinyGqa);
    const tied = { ...tinyGqa, kvHeads: 4, ropeTheta: 500000, tieWordEmbeddings: true };
    expect(await loadConfig(join(testdata, "tiny-tied"))).toEqual(tied);
  });

  test("absent fields get the defaults of transformers", () => {
    expect(parseConfig(minimal, "config.json")).toEqual({
      vocabSize: 100,
      hiddenSize: 64,
      intermediateSize: 128,
      layers: 3,
      heads: 8,
      kvHeads: 8,
      headDim: 8,
      rmsNormEps: 1e-6,
      ropeTheta: 10000,
      maxPositions: 2048,
      tieWordEmbeddings: false,
      bosTokenId: 1,
      eosTokenIds: [2],
    });
  });

  test("both spellings of the rotary base", () => {
    const thetaOf = (fields: object) => parseConfig({ ...minimal, ...fields }, "config.json").ropeTheta;
    expect(thetaOf({ rope_theta: 5e5 })).toBe(5e5);
    expect(thetaOf({ rope_theta: 5e5, rope_scaling: null })).toBe(5e5);
    expect(thetaOf({ rope_theta: 5e5, rope_scaling: { type: "default" } })).toBe(5e5);
    expect(thetaOf({ rope_parameters: { rope_theta: 1e6, rope_type: "default" } })).toBe(1e6);
    expect(thetaOf({ rope_theta: 5e5, rope_parameters: { rope_theta: 1e6, rope_type: "default" } })).toBe(
      1e6,
    );
  });

  test("several end tokens, none, and the padding -1 of the first Llama files", () => {
    const config = parseConfig(
      { ...minimal, eos_token_id: [5, 7], bos_token_id: null, pad_token_id: -1 },
      "c",
    );
    expect(config.eosTokenIds).toEqual([5, 7]);
    expect(config).not.toHaveProperty("bosTokenId");
    expect(config).not.toHaveProperty("padTokenId");
    expect(parseConfig({ ...minimal, eos_token_id: null }, "c").eosTokenIds).toEqual([]);
  });

  test("the end tokens of generation_config.json win", async () => {
    await writeFile(join(folder, "config.json"), JSON.stringify(minimal));
    expect((await loadConfig(folder)).eosTokenIds).toEqual([2]);
    const generation = (json: unknown) =>
      writeFile(join(folder, "generation_config.json"), JSON.stringify(json));
    await generation({ eos_token_id: [3, 9], temperature: 0.6 });
    expect((await loadConfig(folder)).eosTokenIds).toEqual([3, 9]);
    await generation({ temperature: 0.6 });
    expect((await loadConfig(folder)).eosTokenIds).toEqual([2]);
    await generation({ eos_token_id: 100 });
    await expect(loadConfig(folder)).rejects.toThrow("eos_token_id 100 is not below vocab_size 100");
    await generation({ eos_token_id: "2" });
    await expect(loadConfig(folder)).rejects.toThrow("eos_token_id is malformed");
  });
});

describe("what is refused, by name", () => {
  test.each([
    ["model_type", { model_type: "gpt2" }, 'model_type "gpt2" is not supported; supported is "llama"'],
    ["no model_type", { model_type: undefined }, "without model_type is not supported"],
    ["activation", { hidden_act: "gelu" }, 'hidden_act "gelu" is not supported; supported is "silu"'],
    ["attention bias", { attention_bias: true }, "attention_bias true is not supported; supported is false"],
    ["feed-forward bias", { mlp_bias: true }, "mlp_bias true is not supported"],
    [
      "rope_scaling",
      { rope_scaling: { rope_type: "llama3" } },
      'rope_scaling of type "llama3" is not supported',
    ],
    [
      "old rope_scaling",
      { rope_scaling: { type: "linear" } },
      'rope_scaling of type "linear" is not supported',
    ],
    ["rope_parameters", { rope_parameters: { rope_type: "yarn" } }, 'rope_parameters of type "yarn"'],
    ["partial rotary", { partial_rotary_factor: 0.5 }, "partial_rotary_factor 0.5 is not supported"],
    ["quantized", { quantization_config: { bits: 4 } }, "quantization_config is not supported"],
    ["missing size", { hidden_size: undefined }, "hidden_size is missing or malformed"],
    ["size 0", { num_hidden_layers: 0 }, "num_hidden_layers is missing or malformed"],
    ["fractional size", { vocab_size: 10.5 }, "vocab_size is missing or malformed"],
    ["absurd size", { hidden_size: 2 ** 40 }, "hidden_size is missing or malformed"],
    ["size as text", { intermediate_size: "128" }, "intermediate_size is missing or malformed"],
    ["kv heads", { num_key_value_heads: 3 }, "num_key_value_heads 3 does not divide num_attention_heads 8"],
    ["odd head", { head_dim: 7 }, "must be an even integer, not 7"],
    ["fractional head", { num_attention_heads: 6 }, "must be an even integer"],
    ["eps 0", { rms_norm_eps: 0 }, "rms_norm_eps is missing or malformed"],
    ["bos", { bos_token_id: 100 }, "bos_token_id 100 is not below vocab_size 100"],
    ["eos", { eos_token_id: [2, 100] }, "eos_token_id 100 is not below vocab_size 100"],
  ])("%s", (_, fields, message) => {
    const parse = () => parseConfig({ ...minimal, ...fields }, "model/config.json");
    expect(parse).toThrow(ModelError);
    expect(parse).toThrow(message);
    expect(parse).toThrow("model/config.json");
  });

  test.each([
    ["null", null],
    ["a list", []],
    ["text", "llama"],
  ])("%s in place of an object", (_, json) => {
    expect(() => parseConfig(json, "config.json")).toThrow(ModelError);
  });

  test("a file that is missing, not JSON, not UTF-8 or too large", async () => {
    const own = await mkdtemp(join(folder, "files-"));
    await expect(loadConfig(own)).rejects.toThrow("there is no such file");
    const path = join(own, "config.json");
    await writeFile(path, '{"model_type": ');
    await expect(loadConfig(own)).rejects.toThrow(`${path} is not valid JSON`);
    await writeFile(path, new Uint8Array([0x22, 0xff, 0x22]));
    await expect(loadConfig(own)).rejects.toThrow(`cannot read ${path}`);
    await writeFile(path, new Uint8Array((10 << 20) + 1));
    await expect(loadConfig(own)).rejects.toThrow(`${path} has 10485761 bytes, more than the 10 MB`);
  });
});

describe("writing", () => {
  test("parses back to the same configuration", () => {
    const config = fc.record<ModelConfig>({
      vocabSize: fc.integer({ min: 10, max: 200_000 }),
      hiddenSize: fc.integer({ min: 1, max: 8192 }),
      intermediateSize: fc.integer({ min: 1, max: 30_000 }),
      layers: fc.integer({ min: 1, max: 100 }),
      heads: fc.constantFrom(4, 8, 32),
      kvHeads: fc.constantFrom(1, 2, 4),
      headDim: fc.integer({ min: 1, max: 128 }).map((half) => 2 * half),
      rmsNormEps: fc.constantFrom(1e-5, 1e-6),
      ropeTheta: fc.constantFrom(1e4, 5e5),
      maxPositions: fc.integer({ min: 1, max: 131_072 }),
      tieWordEmbeddings: fc.boolean(),
      eosTokenIds: fc.array(fc.nat(9), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(config, fc.nat(9), (plain, token) => {
        const withTokens = { ...plain, bosTokenId: token, padTokenId: token };
        for (const original of [plain, withTokens]) {
          const text = JSON.stringify(toHuggingFaceConfig(original));
          expect(parseConfig(JSON.parse(text), "config.json")).toEqual(original);
        }
      }),
    );
  });

  test("says what transformers says of the same model", async () => {
    const saved = JSON.parse(await readFile(join(testdata, "tiny-gqa", "config.json"), "utf8")) as Record<
      string,
      unknown
    >;
    // transformers 5 calls torch_dtype dtype, and adds its version.
    const {
      torch_dtype: dtype,
      rope_scaling: _scaling,
      rope_theta: _theta,
      ...ours
    } = toHuggingFaceConfig(tinyGqa);
    const { transformers_version: _version, ...theirs } = saved;
    expect({ ...ours, dtype }).toEqual(theirs);
  });
});

test("tensorShapes counts the parameters of SmolLM2-135M", () => {
  const config = { ...tinyGqa, vocabSize: 49152, hiddenSize: 576, intermediateSize: 1536, layers: 30 };
  const shapes = tensorShapes({ ...config, heads: 9, kvHeads: 3, headDim: 64, tieWordEmbeddings: true });
  let parameters = 0;
  for (const shape of shapes.values())
    parameters += shape.reduce((product, dimension) => product * dimension, 1);
  expect(parameters).toBe(134_515_008);
});
