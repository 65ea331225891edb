import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../../core/errors.js";
import type { RopeScaling } from "./model-config.js";
import { loadConfig, parseConfig, tensorShapes, toHuggingFaceConfig, type ModelConfig } from "./config.js";

const testdata = join(import.meta.dirname, "../testdata");
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

  test("biases, where a Llama has them", () => {
    const { biases } = parseConfig({ ...minimal, attention_bias: true, mlp_bias: true }, "c");
    expect(biases).toEqual(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]);
  });

  test("windows, which are dropped where they hold the longest sequence", () => {
    const slidingOf = (fields: object) => parseConfig({ ...minimal, ...fields }, "c").sliding;
    const mistral = { model_type: "mistral", max_position_embeddings: 100, num_key_value_heads: 8 };
    expect(slidingOf({ ...mistral, sliding_window: 99 })).toEqual({ window: 99, layers: [0, 1, 2] });
    expect(slidingOf({ ...mistral, sliding_window: 100 })).toBeUndefined();
    expect(slidingOf({ ...mistral, sliding_window: null })).toBeUndefined();
    // Python's transformers takes 4096 where the field is absent.
    expect(slidingOf({ ...mistral, max_position_embeddings: 8192 })?.window).toBe(4096);
    const qwen = { model_type: "qwen2", num_key_value_heads: 8, sliding_window: 9, max_window_layers: 1 };
    expect(slidingOf(qwen)).toBeUndefined();
    expect(slidingOf({ ...qwen, use_sliding_window: true })).toEqual({ window: 9, layers: [1, 2] });
  });

  test("Phi-3.5's factors, and what they do to attention", () => {
    const fields = {
      model_type: "phi3",
      vocab_size: 32_064,
      head_dim: undefined,
      max_position_embeddings: 131_072,
      original_max_position_embeddings: 4096,
      sliding_window: 262_144,
      rope_scaling: { type: "longrope", short_factor: [1, 1, 1.1, 2], long_factor: [1, 2, 20, 60] },
    };
    const config = parseConfig({ ...minimal, ...fields }, "c");
    expect(config.sliding).toBeUndefined();
    expect(config.ropeScaling).toEqual({
      kind: "longrope",
      shortFactors: [1, 1, 1.1, 2],
      longFactors: [1, 2, 20, 60],
      originalMaxPositions: 4096,
      // sqrt(1 + ln 32 / ln 4096) = sqrt(1 + 5/12)
      attentionFactor: Math.sqrt(17 / 12),
    });
    const older = { ...fields.rope_scaling, type: "su" };
    expect(parseConfig({ ...minimal, ...fields, rope_scaling: older }, "c")).toEqual(config);
  });

  test("Gemma's local layers and both rotary bases, in either version's spelling", () => {
    const gemma = { ...minimal, model_type: "gemma3_text", sliding_window: 512, sliding_window_pattern: 3 };
    const scaled = { rope_type: "linear", factor: 8 };
    const old = parseConfig({ ...gemma, rope_local_base_freq: 2e4, rope_scaling: scaled }, "c");
    expect(old).toMatchObject({
      ropeTheta: 1e6,
      ropeScaling: { kind: "linear", factor: 8 },
      sliding: { window: 512, layers: [0, 1], ropeTheta: 2e4 },
    });
    const rope = {
      full_attention: { rope_theta: 3e6, ...scaled },
      sliding_attention: { rope_theta: 2e4, rope_type: "default" },
    };
    expect(parseConfig({ ...gemma, rope_parameters: rope }, "c")).toEqual({ ...old, ropeTheta: 3e6 });
  });

  test("the first Gemma's activation, whose oldest files name another and mean the same", () => {
    const gemma = { ...minimal, model_type: "gemma", num_key_value_heads: 8 };
    for (const act of [
      {},
      { hidden_act: "gelu" },
      { hidden_activation: "gelu_pytorch_tanh", hidden_act: "gelu" },
    ])
      expect(parseConfig({ ...gemma, ...act }, "c")).toMatchObject({
        activation: "gelu-tanh",
        normsAroundOne: true,
      });
    expect(() => parseConfig({ ...gemma, hidden_act: "silu" }, "c")).toThrow(
      'hidden_act "silu" is not supported; supported is "gelu" and "gelu_pytorch_tanh"',
    );
  });

  test("the text part of a Gemma that also sees, as sparse as the hub has it", () => {
    const text = { hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34, sliding_window: 1024 };
    const rope = { rope_scaling: { factor: 8, rope_type: "linear" } };
    const json = { model_type: "gemma3", eos_token_id: [1, 106], text_config: { ...text, ...rope } };
    const config = parseConfig(json, "c");
    expect(config).toMatchObject({
      family: "gemma3_text",
      vocabSize: 262_208,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      queryScalar: 256,
      ropeScaling: { kind: "linear", factor: 8 },
      tieWordEmbeddings: true,
      eosTokenIds: [1, 106],
    });
    expect(config.sliding).toMatchObject({ window: 1024, ropeTheta: 10_000 });
    // Every sixth layer is global.
    expect([5, 11, 17, 23, 29].some((layer) => config.sliding!.layers.includes(layer))).toBe(false);
    expect(config.sliding!.layers).toHaveLength(29);
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
    [
      "model_type",
      { model_type: "gpt2" },
      'model_type "gpt2" is not supported; supported is "llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma3_text", "gemma3"',
    ],
    ["no model_type", { model_type: undefined }, "without model_type is not supported"],
    ["activation", { hidden_act: "gelu" }, 'hidden_act "gelu" is not supported; supported is "silu" and'],
    ["activation by a name of objects", { hidden_act: "constructor" }, 'hidden_act "constructor" is not'],
    [
      "rope_scaling",
      { rope_scaling: { rope_type: "dynamic", factor: 2 } },
      'rope_scaling of type "dynamic" is not supported; supported is type "default", "linear", "llama3" and "longrope"',
    ],
    ["old rope_scaling", { rope_scaling: { type: "linear" } }, 'rope_scaling of type "linear" needs factor'],
    [
      "rope_scaling cut short",
      { rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1 } },
      'rope_scaling of type "llama3" needs high_freq_factor',
    ],
    [
      "factors of another width",
      { rope_scaling: { type: "longrope", short_factor: [1, 1, 1], long_factor: [1, 1, 1, 1] } },
      "rope_scaling.short_factor has 3 numbers, 8 rotated ones need 4",
    ],
    ["rope_parameters", { rope_parameters: { rope_type: "yarn" } }, 'rope_parameters of type "yarn"'],
    [
      "partial rotary",
      { partial_rotary_factor: 0.4 },
      "partial_rotary_factor 0.4 does not leave an even part",
    ],
    ["more than all rotary", { partial_rotary_factor: 1.5 }, "partial_rotary_factor 1.5 does not leave"],
    [
      "biases of Mistral",
      { model_type: "mistral", attention_bias: true },
      "attention_bias true is not supported; supported is false",
    ],
    ["biases of Phi-3", { model_type: "phi3", mlp_bias: true }, "mlp_bias true is not supported"],
    [
      "softcapping",
      { model_type: "gemma3_text", final_logit_softcapping: 30 },
      "final_logit_softcapping 30 is not supported",
    ],
    [
      "both directions",
      { model_type: "gemma3_text", use_bidirectional_attention: true },
      "use_bidirectional_attention true is not supported",
    ],
    [
      "kinds of layers",
      { model_type: "qwen3", use_sliding_window: true, layer_types: ["chunked_attention", "a", "b"] },
      'layer_types has "chunked_attention", which is not supported; supported is full_attention and sliding_attention',
    ],
    [
      "too few kinds of layers",
      { model_type: "gemma3_text", layer_types: ["full_attention"] },
      "layer_types has 1 entries for 3 layers",
    ],
    [
      "a window of no width",
      { model_type: "mistral", sliding_window: 0 },
      "sliding_window is missing or malformed",
    ],
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
    ["no text part", { model_type: "gemma3" }],
    ["a text part that is a list", { model_type: "gemma3", text_config: [] }],
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

const kind = <K extends string>(name: K) => fc.constant(name);
const scaling: fc.Arbitrary<RopeScaling> = fc.oneof(
  fc.record({ kind: kind("linear"), factor: fc.constantFrom(2, 8) }),
  fc.record({
    kind: kind("llama3"),
    factor: fc.constantFrom(8, 32),
    lowFrequencyFactor: fc.constant(1),
    highFrequencyFactor: fc.constantFrom(4, 5),
    originalMaxPositions: fc.integer({ min: 1, max: 8192 }),
  }),
);
const longRope = (half: number): fc.Arbitrary<RopeScaling> => {
  const factors = fc.array(fc.constantFrom(1, 1.5, 30), { minLength: half, maxLength: half });
  return fc.record({
    kind: kind("longrope"),
    shortFactors: factors,
    longFactors: factors,
    originalMaxPositions: fc.integer({ min: 1, max: 8192 }),
    attentionFactor: fc.constantFrom(1, 1.19),
  });
};
const sliding = (layers: number) =>
  fc.record({
    window: fc.integer({ min: 1, max: 15 }),
    layers: fc.uniqueArray(fc.nat(layers - 1), { minLength: 1 }).map((list) => list.sort((a, b) => a - b)),
  });
const everyLayer = (layers: number) =>
  fc.integer({ min: 1, max: 15 }).map((window) => ({ window, layers: [...Array(layers).keys()] }));
const attentionBias = ["q_proj", "k_proj", "v_proj", "o_proj"];

/** What each family can say beside the sizes. */
function switchesOf({ layers, headDim, hiddenSize }: ModelConfig): fc.Arbitrary<Partial<ModelConfig>> {
  const optional = <T>(values: fc.Arbitrary<T>, field: string) =>
    fc.option(values, { nil: undefined }).map((value) => (value === undefined ? {} : { [field]: value }));
  const rope = optional(scaling, "ropeScaling");
  const merge = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<Partial<ModelConfig>> =>
    fc.tuple(...parts).map((list) => Object.assign({}, ...list) as Partial<ModelConfig>);
  const own = (fields: Partial<ModelConfig>) => fc.constant(fields);
  const all = [...attentionBias, "gate_proj", "up_proj", "down_proj"];
  return fc.oneof(
    merge(rope, optional(fc.constantFrom(attentionBias, all, all.slice(4)), "biases")),
    merge(own({ family: "mistral" }), rope, optional(everyLayer(layers), "sliding")),
    merge(
      own({ family: "qwen2", biases: attentionBias.slice(0, 3) }),
      rope,
      optional(sliding(layers), "sliding"),
    ),
    merge(
      own({ family: "qwen3", queryKeyNorm: true }),
      rope,
      optional(sliding(layers), "sliding"),
      optional(fc.constant(attentionBias), "biases"),
    ),
    merge(
      own({ family: "phi3", fusedLinears: true }),
      optional(everyLayer(layers), "sliding"),
      headDim % 8 === 0
        ? longRope((headDim * 3) / 8).map((ropeScaling) => ({ rotaryDim: headDim * 0.75, ropeScaling }))
        : optional(longRope(headDim / 2), "ropeScaling"),
    ),
    merge(
      own({
        family: "gemma",
        normsAroundOne: true,
        activation: "gelu-tanh",
        embeddingScale: Math.sqrt(hiddenSize),
      }),
      rope,
      optional(fc.constant(attentionBias), "biases"),
    ),
    merge(
      own({
        family: "gemma3_text",
        queryKeyNorm: true,
        normsAroundOne: true,
        sandwichNorms: true,
        activation: "gelu-tanh",
        embeddingScale: Math.sqrt(hiddenSize),
      }),
      rope,
      fc.constantFrom(168, 256).map((queryScalar) => ({ queryScalar })),
      optional(
        sliding(layers).map((each) => ({ ...each, ropeTheta: 5000 })),
        "sliding",
      ),
    ),
  );
}

describe("writing", () => {
  test("parses back to the same configuration, of every family", () => {
    const sizes = fc.record<ModelConfig>({
      vocabSize: fc.integer({ min: 10, max: 200_000 }),
      hiddenSize: fc.integer({ min: 1, max: 8192 }),
      intermediateSize: fc.integer({ min: 1, max: 30_000 }),
      layers: fc.integer({ min: 1, max: 40 }),
      heads: fc.constantFrom(4, 8, 32),
      kvHeads: fc.constantFrom(1, 2, 4),
      headDim: fc.integer({ min: 1, max: 128 }).map((half) => 2 * half),
      rmsNormEps: fc.constantFrom(1e-5, 1e-6),
      ropeTheta: fc.constantFrom(1e4, 5e5),
      maxPositions: fc.integer({ min: 16, max: 131_072 }),
      tieWordEmbeddings: fc.boolean(),
      eosTokenIds: fc.array(fc.nat(9), { maxLength: 3 }),
    });
    const config = sizes.chain((plain) => switchesOf(plain).map((switches) => ({ ...plain, ...switches })));
    fc.assert(
      fc.property(config, fc.nat(9), (plain, token) => {
        const withTokens = { ...plain, bosTokenId: token, padTokenId: token };
        for (const original of [plain, withTokens]) {
          const text = JSON.stringify(toHuggingFaceConfig(original));
          expect(parseConfig(JSON.parse(text), "config.json")).toEqual(original);
        }
      }),
      { numRuns: 100 },
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
