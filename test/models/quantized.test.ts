import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modelFolder } from "../../src/policy/model-folder.js";
import { localTrainers } from "../../src/policy/local-trainer.js";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { sequenceLogProb, type Prompt, type Response } from "../../src/policy/policy.js";

const folder = modelFolder("game24");
const prompts: readonly Prompt[] = ["4 9 10 13 = 24 :", "1 2 3 4 = 24 :", "3 3 8 8 = 24 :"].map(
  (text, i) => ({
    id: `p${i}`,
    text,
  }),
);
const requests = prompts.flatMap((prompt) => Array.from({ length: 8 }, (_, index) => ({ prompt, index })));
const SAMPLING = { temperature: 1, maxTokens: 18, seed: 3 };

/** Responses in the order of the requests. */
async function draw(policy: LocalPolicy, some = requests): Promise<Response[]> {
  const drawn = new Map<string, Response>();
  for await (const response of policy.sample(some, SAMPLING))
    drawn.set(`${response.promptId} ${response.index}`, response);
  return some.map(({ prompt, index }) => drawn.get(`${prompt.id} ${index}`)!);
}

const examplesOf = (responses: readonly Response[]) =>
  responses.map(({ tokens }, i) => ({ prompt: requests[i]!.prompt, tokens }));

let float: LocalPolicy;
beforeAll(async () => {
  float = await LocalPolicy.load(folder, { threads: 1 });
});
afterAll(() => float.dispose());

describe.each([
  { quantize: "int8" as const, atMost: 0.5 },
  { quantize: "int4" as const, atMost: 2 },
  { quantize: "int4a8" as const, atMost: 2 },
])("a model quantized to $quantize", ({ quantize, atMost }) => {
  let policy: LocalPolicy;
  let drawn: Response[];
  beforeAll(async () => {
    policy = await LocalPolicy.load(folder, { quantize, threads: 1 });
    drawn = await draw(policy);
  });
  afterAll(() => policy.dispose());

  it("holds its linears as integers, and says so in its digest", () => {
    const { quantized, weights, quantization } = policy.runtime.model;
    expect(quantization).toBe(quantize);
    expect([...weights.keys()].filter((name) => name.includes("_proj"))).toEqual([]);
    const bits = new Map([...quantized!].map(([name, matrix]) => [name, matrix.bits]));
    expect(bits.get("model.layers.0.self_attn.q_proj.weight")).toBe(quantize === "int8" ? 8 : 4);
    expect(bits.get("model.embed_tokens.weight")).toBe(8);
    expect(policy.digest).not.toBe(float.digest);
  });

  it("draws the same to the bit in every batch", async () => {
    for (const rows of [1, 4, 7]) {
      const other = LocalPolicy.of(policy.runtime.model, { rows, threads: 2 });
      const some = requests.slice(0, 9);
      expect(await draw(other, some), `${rows} rows`).toEqual(drawn.slice(0, 9));
      await other.dispose();
    }
  });

  it("says nearly the log π of the float model, and scores what it draws", async () => {
    const [own, theirs] = [await policy.logProb(examplesOf(drawn)), await float.logProb(examplesOf(drawn))];
    const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
    const differences = drawn.map((response, i) => Math.abs(sequenceLogProb(response) - sum(theirs[i]!)));
    expect(Math.max(...differences)).toBeLessThan(atMost);
    expect(Math.max(...differences)).toBeGreaterThan(1e-4);
    // Whole sequences are added up in another order, and what lies between two of eight bits may be rounded the other way.
    drawn.forEach((response, i) =>
      expect(Math.abs(sequenceLogProb(response) - sum(own[i]!))).toBeLessThan(0.3),
    );
  });

  it("is not trained", async () => {
    await expect(
      localTrainers(policy).start({ rank: 1, alpha: 2, clipNorm: 1, weightDecay: 0, seed: 0 }),
    ).rejects.toThrow(/an adapter is trained on the float weights/);
  });
});

it("keeps no float32", async () => {
  await expect(LocalPolicy.load(folder, { quantize: "keep" })).rejects.toThrow(
    /has no linear in a format that can be kept \(Q4_0, .*, Q6_K, F16, BF16\); quantize it to int8 or int4/,
  );
});
