import { expect, it } from "vitest";
import type { Policy, Response } from "./policy.js";
import { sequentialPolicy } from "./sequential.js";
import { policyViolations } from "./violations.js";

const prompts = ["first", "second"].map((id) => ({ id, text: id }));

/** Of four tokens, the last of which ends a response; the longer that is, the likelier it ends. */
function honest(): Policy {
  return sequentialPolicy({
    name: "honest",
    fingerprint: "honest",
    endToken: 3,
    next: (_, prefix) =>
      Float64Array.from([0.5, 0.3, 0.1, 0.1 + prefix.length], (p) => Math.log(p / (1 + prefix.length))),
  });
}

/** The same, but what it draws goes through `change`. */
function drawing(change: (response: Response, at: number, temperature: number) => Response): Policy {
  const policy = honest();
  const sample = policy.sample.bind(policy);
  policy.sample = async function* (requests, options) {
    let at = 0;
    for await (const response of sample(requests, options)) yield change(response, at++, options.temperature);
  };
  return policy;
}

const violations = (make: () => Policy): Promise<readonly string[]> =>
  policyViolations({ make: async () => make(), prompts, maxTokens: 4 });

it("finds nothing in a policy that keeps its contract", async () => {
  expect(await violations(honest)).toEqual([]);
});

const shifted = (response: Response): Response => ({
  ...response,
  logProbs: response.logProbs.map((value) => value - 0.01),
});

it.each<[string, () => Policy, RegExp]>([
  ["other log-probabilities", () => drawing(shifted), /^response 0 to "first" was drawn with other/],
  [
    "those of its temperature",
    () => drawing((response, _, temperature) => (temperature === 1 ? response : shifted(response))),
    /^log-probabilities at temperature 0\.4 are not those at temperature 1$/,
  ],
  [
    "a token too few",
    () => drawing((response) => ({ ...response, logProbs: response.logProbs.slice(1) })),
    /^response 0 to "first" has \d log-probabilities for \d tokens$/,
  ],
  [
    "samples by their place in the batch",
    () => drawing((response, at) => ({ ...response, text: `${response.text} ${at}` })),
    /^samples depend on what else is drawn$/,
  ],
  [
    "one response always",
    () => drawing((response) => ({ ...response, promptId: "first", index: 0 })),
    /^16 requests have 16 responses, not one each$/,
  ],
  [
    "a cut that is none",
    () => drawing((response) => ({ ...response, finish: "length" })),
    /^response \d to "first" is cut at \d tokens, before maxTokens$/,
  ],
])("finds a policy that gives %s", async (_, make, sentence) => {
  const found = await violations(make);
  expect(found).toEqual(expect.arrayContaining([expect.stringMatching(sentence)]));
});

it("finds a seed that is ignored, a greedy response that is not, a rule that drops nothing and a digest of chance", async () => {
  let made = 0;
  const found = await violations(() => {
    const policy = { ...honest(), digest: `${made++}`.padStart(64, "0") };
    const { sample } = policy;
    policy.sample = (requests, options) => {
      const { abandon: _unused, ...rest } = options;
      return sample(requests, { ...rest, seed: 1 });
    };
    policy.greedy = async function* (given) {
      for (const { id } of given)
        yield {
          promptId: id,
          index: -1,
          text: "2 2",
          tokens: [2, 2, 2, 2],
          logProbs: Array.from({ length: 4 }, () => Math.log(0.05)),
          finish: "length" as const,
        };
    };
    policy.dispose = async () => undefined;
    return policy;
  });
  expect(found).toEqual([
    "another seed draws the same",
    ...Array.from({ length: found.length - 4 }, () =>
      expect.stringMatching(/^greedy passes over a likelier token of "(first|second)" at position 0$/),
    ),
    "abandon does not drop exactly what it is true for",
    "the same policy, made again, has another digest",
    "after dispose it still draws, or fails without a UsageError",
  ]);
  expect(found.length).toBeGreaterThan(4);
});
