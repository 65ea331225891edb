import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError, UsageError } from "../core/errors.js";
import { hash32, randomStream } from "../core/random.js";
import { toHuggingFaceConfig } from "../transformer/families/config.js";
import { newAdapter } from "../transformer/decoder/lora.js";
import type { Model } from "../transformer/model.js";
import { drawPlainly, plainLogits } from "../transformer/decoder/plain-decoder.test-helper.js";
import { writeSafetensors } from "../transformer/format/safetensors.js";
import {
  collect,
  largestDifference,
  randomAdapter,
  randomModel,
  testdata,
  tinyModel,
} from "../transformer/tiny-models.test-helper.js";
import { loadTokenizer } from "../transformer/text/tokenizer.js";
import { localTrainers } from "./local-trainer.js";
import { LocalPolicy } from "./local-policy.js";
import type { Prompt } from "./policy.js";

const ENDS = Array.from({ length: 12 }, (_, i) => 100 + i);
const PROMPT: Prompt = { id: "x", text: "The answer is" };

let model: Model;
let policy: LocalPolicy;
beforeAll(async () => {
  model = await randomModel({ eosTokenIds: ENDS });
  policy = LocalPolicy.of(model, { threads: 1 });
});
afterAll(() => policy.dispose());

const requests = (count: number, prompt = PROMPT) =>
  Array.from({ length: count }, (_, index) => ({ prompt, index }));
const SAMPLING = { temperature: 1, maxTokens: 15, seed: 3 };

test("a response is drawn from the prompt's tokens with their frame, keyed by the prompt's id", async () => {
  const framed = model.tokenizer.encode(PROMPT.text, { addSpecialTokens: true });
  expect(framed).toEqual([0, ...policy.encode(PROMPT.text)]);
  const logitsOf = plainLogits(model);
  for (const { index, tokens, finish, text } of await collect(policy.sample(requests(8), SAMPLING))) {
    const drawing = { prompt: framed, promptKey: hash32("x"), index, ...SAMPLING };
    expect(tokens).toEqual(drawPlainly(logitsOf, model.config, drawing, tokens).tokens);
    const ended = ENDS.includes(tokens.at(-1)!);
    expect(finish).toBe(ended ? "stop" : "length");
    expect(text).toBe(model.tokenizer.decode(ended ? tokens.slice(0, -1) : tokens));
  }
});

test("a folder is loaded, and one that is not there is an error", async () => {
  const folder = await mkdtemp(join(tmpdir(), "whetstone-policy-"));
  try {
    await writeFile(join(folder, "config.json"), JSON.stringify(toHuggingFaceConfig(model.config)));
    await writeSafetensors(join(folder, "model.safetensors"), new Map(model.weights));
    await copyFile(join(testdata, "tiny-bpe", "tokenizer.json"), join(folder, "tokenizer.json"));
    const loaded = await LocalPolicy.load(folder, { threads: 1 });
    const tokens = policy.encode(" 42");
    const [ours, theirs] = await Promise.all(
      [policy, loaded].map((each) => each.logProb([{ prompt: PROMPT, tokens }])),
    );
    expect(theirs).toEqual(ours);
    await loaded.dispose();
    await expect(LocalPolicy.load(join(folder, "nowhere"))).rejects.toThrow(ModelError);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("shorter sequences can be asked for, and none longer than the model takes", async () => {
  const short = LocalPolicy.of(model, { threads: 1, maxLength: 20 });
  expect(short.can.longest).toBe(20);
  const [whole, cut] = await Promise.all(
    [policy, short].map((each) => collect(each.sample(requests(2), { ...SAMPLING, maxTokens: 10 }))),
  );
  expect(cut).toEqual(whole);
  await expect(collect(short.sample(requests(1), { ...SAMPLING, maxTokens: 18 }))).rejects.toThrow(
    /with 18 more it is longer than the 20/,
  );
  await short.dispose();
  expect(() => LocalPolicy.of(model, { maxLength: 97 })).toThrow(
    /sequences of 97 tokens are asked for, and .* takes at most 96/,
  );
});

describe("a prompt that cannot be used is named:", () => {
  const long: Prompt = { id: "puzzle 7", text: "one two three ".repeat(20) };

  test("too long for the model, with the response or without", async () => {
    const message = /The prompt "puzzle 7" has \d+ tokens; with \d+ more it is longer than the 96/;
    await expect(collect(policy.sample(requests(1, long), SAMPLING))).rejects.toThrow(message);
    await expect(collect(policy.greedy([PROMPT, long], SAMPLING))).rejects.toThrow(UsageError);
    await expect(policy.logProb([{ prompt: long, tokens: [5] }])).rejects.toThrow(message);
    const tokens = model.tokenizer.encode(PROMPT.text, { addSpecialTokens: true }).length;
    const fits = { ...SAMPLING, maxTokens: 96 - tokens };
    expect(await collect(policy.sample(requests(2), fits))).toHaveLength(2);
    const over = { ...SAMPLING, maxTokens: 97 - tokens };
    await expect(collect(policy.sample(requests(2), over))).rejects.toThrow(/"x" has .* lower `maxTokens`/);
  });

  test("of tokens that the model has not", async () => {
    const narrow = LocalPolicy.of(await tinyModel("tiny-gqa"), { threads: 1 });
    await expect(collect(narrow.greedy([PROMPT], SAMPLING))).rejects.toThrow(
      /The prompt "x" has the token \d+, but tiny-gqa has only 64/,
    );
    await narrow.dispose();
  });

  test("empty, where the tokenizer puts no start token before it", async () => {
    const empty: Prompt = { id: "nothing", text: "" };
    // This one does.
    expect(await collect(policy.sample(requests(1, empty), SAMPLING))).toHaveLength(1);
    const folder = await mkdtemp(join(tmpdir(), "whetstone-bare-"));
    const json = JSON.parse(await readFile(join(testdata, "tiny-bpe", "tokenizer.json"), "utf8"));
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify({ ...json, post_processor: null }));
    const tokenizer = await loadTokenizer(folder);
    await rm(folder, { recursive: true });
    const bare = LocalPolicy.of({ ...model, tokenizer }, { threads: 1 });
    await expect(collect(bare.sample(requests(1, empty), SAMPLING))).rejects.toThrow(/"nothing" is empty/);
    await bare.dispose();
  });
});

describe("with an adapter", () => {
  test("the policy differs in digest and responses, and its end is not the base's", async () => {
    const fresh = newAdapter(model.config, { rank: 2 }, randomStream(1, "adapter"));
    const adapter = randomAdapter(fresh, 2, 0.3);
    const [one, same, unchanged] = await Promise.all([
      policy.withAdapter(adapter, "sharp"),
      policy.withAdapter(adapter),
      policy.withAdapter(fresh),
    ]);
    expect(one.name).toBe("random + sharp");
    expect(same.digest).toBe(one.digest);
    expect(new Set([policy.digest, one.digest, unchanged.digest]).size).toBe(3);
    const sorted = async (each: LocalPolicy): Promise<(readonly number[])[]> =>
      (await collect(each.sample(requests(6), SAMPLING)))
        .sort((a, b) => a.index - b.index)
        .map(({ tokens }) => tokens);
    const base = await sorted(policy);
    expect(await sorted(unchanged)).toEqual(base);
    expect(await sorted(one)).not.toEqual(base);
    expect(await sorted(one)).toEqual(await sorted(same));
    await Promise.all([one.dispose(), unchanged.dispose()]);
    await expect(sorted(one)).rejects.toThrow(/used after dispose/);
    expect(await sorted(same)).not.toEqual(base);
    expect(await sorted(policy)).toEqual(base);
    await same.dispose();
  });

  test("what is trained is what the policy with the trained adapter says", async () => {
    const training = await localTrainers(policy).start({
      rank: 4,
      alpha: 8,
      clipNorm: Infinity,
      weightDecay: 0,
      seed: 1,
    });
    const examples = [{ prompt: PROMPT, tokens: [50, 60, 100] }];
    const [before] = await policy.logProb(examples);
    expect(largestDifference((await training.logProbs(examples))[0]!, before!)).toBeLessThan(1e-5);
    const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);
    const weights = [[1, 1, 1]];
    const loss = await training.forwardBackward(examples, weights);
    await training.optimStep(0.01);
    expect(loss).toBeCloseTo(-sum(before!), 4);
    for (let step = 1; step < 10; step++) {
      await training.forwardBackward(examples, weights);
      await training.optimStep(0.01);
    }
    const [after] = await training.logProbs(examples);
    expect(sum(after!)).toBeGreaterThan(sum(before!) + 1);
    const trained = await policy.withAdapter(await training.adapter());
    const [scored] = await trained.logProb(examples);
    expect(largestDifference(scored!, after!)).toBeLessThan(1e-5);
    await Promise.all([trained.dispose(), training.dispose()]);
  });
});
