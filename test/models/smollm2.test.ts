import { afterAll, beforeAll, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { loadTokenizer } from "../../src/transformer/text/tokenizer.js";
import { commandLine, type CommandLine } from "../support/cli.js";
import { expectContinuations, fetchedModel, goldenOf, type Continuation } from "../support/golden-model.js";

/** What transformers computes from the same file: see scripts/golden/smollm2.py. */
interface Golden {
  readonly continuations: readonly Continuation[];
  readonly texts: readonly (readonly [text: string, ids: readonly number[], decoded: string])[];
}

const golden = goldenOf<Golden>("smollm2");
const path = process.env["WHETSTONE_SMOLLM2"] ?? fetchedModel("smollm2");
const real = it.skipIf(path === undefined);

let policy: LocalPolicy;
let cli: CommandLine;
beforeAll(async () => {
  if (path === undefined) return;
  cli = commandLine();
  policy = await LocalPolicy.load(path);
});
afterAll(async () => {
  if (path === undefined) return;
  cli.remove();
  await policy.dispose();
});

real("its tokenizer gives the ids of the model's own, and their text, for 500 texts", async () => {
  const tokenizer = await loadTokenizer(path!);
  expect(golden.texts).toHaveLength(500);
  for (const [text, ids, decoded] of golden.texts) {
    expect(tokenizer.encode(text, { addSpecialTokens: true }), JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.decode(ids), JSON.stringify(text)).toBe(decoded);
  }
});

real(
  "greedy continuations of 20 prompts are transformers', token by token, with their log-probabilities",
  async () => {
    expect(golden.continuations).toHaveLength(20);
    await expectContinuations(policy, golden.continuations);
  },
);

real.each(["log-likelihood", "length-normalized", "self-certainty", "majority", "judge"])(
  "whetstone answer chooses among its responses by %s",
  async (reward) => {
    const question = "A farmer has 3 pens with 4 hens each. How many hens?";
    const answer = await cli.json([
      ...["answer", question, "--model", path!, "--n", "16", "--reward", reward, "--max-tokens", "48"],
    ]);
    expect(answer["prompt"]).toBe(question);
    expect(answer["reward"]).toBe(reward);
    expect(answer["n"]).toBe(16);
    expect(String(answer["text"]).length).toBeGreaterThan(0);
    expect(Number.isFinite(answer["score"])).toBe(true);
  },
);

real("whetstone answer asks through the model's own template, and with --raw the text alone", async () => {
  const question = "Say hello to the farmer.";
  const template = (content: string) =>
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" +
    `<|im_start|>user\n${content}<|im_end|>\n<|im_start|>assistant\n`;
  const few = ["--model", path!, "--n", "2", "--all", "--max-tokens", "12"];
  const told = async (...args: readonly string[]) =>
    (await cli.json(["answer", ...args, ...few]))["responses"];
  const asked = await told(question);
  expect(asked).toHaveLength(2);
  expect(await told(template(question), "--raw")).toEqual(asked);
  expect(await told(question, "--raw")).not.toEqual(asked);
});
