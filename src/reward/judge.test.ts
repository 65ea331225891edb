import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { capabilities } from "../policy/capabilities.js";
import type { EncodingPolicy, Policy, Prompt, ScoreRequest } from "../policy/policy.js";
import { judge, yesProbability } from "./judge.js";
import type { Pool } from "./self-reward.js";

const encode = (text: string): number[] => [...new TextEncoder().encode(text)];

/**
 * A byte-level policy with no memory but the prompt: a byte's probability is 1/4 if the prompt holds it, else 1/1024.
 * Small enough that every probability below is worked out by hand.
 */
class BytePolicy implements EncodingPolicy {
  readonly name = "bytes";
  readonly digest = "bytes";
  readonly can = capabilities({ scores: true, encodes: true });
  readonly asked: ScoreRequest[] = [];
  calls = 0;
  encode = encode;
  logProb(examples: readonly ScoreRequest[]): Promise<Float64Array[]> {
    this.asked.push(...examples);
    this.calls += 1;
    return Promise.resolve(
      examples.map(({ prompt, tokens }) => {
        const held = new Set(encode(prompt.text));
        return Float64Array.from(tokens, (token) => Math.log(held.has(token) ? 1 / 4 : 1 / 1024));
      }),
    );
  }
  sample(): never {
    throw new Error("a judge does not sample");
  }
  greedy(): never {
    throw new Error("a judge does not decode");
  }
  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

const poolOf = (texts: readonly string[], policy?: Policy): Pool => ({
  prompt: { id: "x", text: "y" },
  extract: () => undefined,
  responses: texts.map((text, index) => ({
    promptId: "x",
    index,
    text,
    tokens: [1],
    logProbs: [-1],
    finish: "stop",
  })),
  ...(policy === undefined ? {} : { policy }),
});

describe("yesProbability", () => {
  it("normalizes over yes and no, each summed over its spellings", async () => {
    const score = yesProbability(new BytePolicy(), encode, { yes: ["ab", "a"], no: ["c"] });
    // With "ab" known: yes = 1/16 + 1/4, no = 1/1024.
    const yes = 1 / 16 + 1 / 4;
    const [known, unknown] = await score([
      { id: "g", text: "ab" },
      { id: "h", text: "" },
    ]);
    expect(known).toBeCloseTo(yes / (yes + 1 / 1024), 14);
    // Nothing known: yes = 1/1024² + 1/1024, no = 1/1024.
    expect(unknown).toBeCloseTo((1 + 1 / 1024) / (2 + 1 / 1024), 14);
  });

  it("counts spellings with the same tokens once", async () => {
    const once = yesProbability(new BytePolicy(), (text) => encode(text.trim().toLowerCase()));
    // "yes" and "no" have unknown bytes only: 1024^-3 against 1024^-2.
    expect((await once([{ id: "g", text: "" }]))[0]).toBeCloseTo(1 / 1025, 14);
  });

  it("is finite when no verdict has any probability, and when only one has", async () => {
    const policy = new BytePolicy();
    policy.logProb = (examples) =>
      Promise.resolve(
        examples.map(({ prompt, tokens }) =>
          Float64Array.of(prompt.text === encodeBack(tokens) ? -900 : -Infinity),
        ),
      );
    const score = yesProbability(policy, encode, { yes: ["y"], no: ["n"] });
    expect(await score(["", "y", "n"].map((text) => ({ id: "g", text })))).toEqual([0, 1, 0]);
  });

  it("refuses a verdict without tokens", () => {
    expect(() => yesProbability(new BytePolicy(), encode, { yes: [""], no: ["n"] })).toThrow(
      /verdict "" has no tokens/,
    );
  });
});

const encodeBack = (tokens: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(tokens));

describe("judge", () => {
  it("fills the template in one pass and grades equal texts once", async () => {
    let asked: readonly Prompt[] = [];
    const reward = judge({
      template: "Q {prompt} A {response} Q {prompt}",
      score: (prompts) => {
        asked = prompts;
        return Promise.resolve(prompts.map((_, at) => (at + 1) / 10));
      },
    });
    expect(await reward.score(poolOf(["{prompt} $&", "b", "{prompt} $&"]))).toEqual([0.1, 0.2, 0.1]);
    expect(asked).toEqual([
      { id: "x/judge/0", text: "Q y A {prompt} $& Q y" },
      { id: "x/judge/1", text: "Q y A b Q y" },
    ]);
  });

  it("takes the share of yes among the likeliest first tokens, where that is all that the policy tells", async () => {
    const probabilities: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
      a: [
        [" yes", 0.3],
        ["Yes", 0.1],
        [" No", 0.1],
        [" perhaps", 0.4],
        ["no", 0.05],
      ],
      b: [[" no", 0.9]],
      c: [],
    };
    const policy = {
      can: capabilities({ firstTokens: true }),
      firstTokens: async ({ text }: Prompt) =>
        probabilities[text]!.map(([token, probability]) => ({ text: token, logProb: Math.log(probability) })),
    } as unknown as Policy;
    const scores = await judge({ template: "{response}" }).score({ ...poolOf(["a", "b", "c"]), policy });
    expect(scores[0]).toBeCloseTo(0.4 / 0.55, 12);
    expect(scores.slice(1)).toEqual([0, 0]);
  });

  it("has a template of its own with both texts", async () => {
    const asked: string[] = [];
    const score = (prompts: readonly Prompt[]): Promise<number[]> =>
      Promise.resolve(prompts.map(({ text }) => asked.push(text)));
    await judge({ score }).score(poolOf(["z"]));
    expect(asked[0]).toMatch(/^Question:\ny\n\nProposed answer:\nz\n[^]*yes or no\.\nAnswer:$/);
  });

  it("asks the pool's own policy when no scorer is given", async () => {
    const policy = new BytePolicy();
    const scores = await judge({ template: "{response}" }).score(poolOf(["yes ", "no ", "?"], policy));
    const known = (count: number, of: number): number => 4 ** -count * 1024 ** -(of - count);
    const verdict = (yes: number, no: number): number => yes / (yes + no);
    expect(scores[0]).toBeCloseTo(verdict(known(4, 4) + known(3, 4), known(1, 3) * 2), 12);
    expect(scores[1]).toBeCloseTo(verdict(known(1, 4) * 2, known(3, 3) + known(2, 3)), 12);
    expect(scores[2]).toBeCloseTo(verdict(1024 ** -4 * 2, 1024 ** -3 * 2), 12);
    // All three texts with each of the four spellings, in one call.
    expect(policy.calls).toBe(1);
    expect(policy.asked.map(({ prompt }) => prompt.text)).toEqual(
      ["yes ", "no ", "?"].flatMap((text) => Array.from({ length: 4 }, () => text)),
    );
  });

  it("says what is missing", async () => {
    await expect(judge().score(poolOf(["a"]))).rejects.toBeInstanceOf(UsageError);
    expect(() => judge({ template: "no place" })).toThrow(/has no \{response\}/);
  });
});
