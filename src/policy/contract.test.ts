import { LocalPolicy } from "./local-policy.js";
import { newAdapter } from "../transformer/decoder/lora.js";
import { randomStream } from "../core/random.js";
import { randomAdapter, randomModel } from "../transformer/tiny-models.test-helper.js";
import { testPolicyContract } from "./contract.test-helper.js";
import { autoregressiveConditionals, parameterFingerprint } from "./linear-softmax.js";
import type { Policy } from "./policy.js";
import { sequentialPolicy } from "./sequential.js";
import { tabularPolicy } from "./tabular.js";

const prompts = [
  { id: "first", text: "The answer" },
  { id: "second", text: "a" },
  { id: "third", text: "one two three four five six seven" },
];

testPolicyContract({
  name: "tabularPolicy",
  make: async () =>
    tabularPolicy({ first: [0.2, 0.5, 0.3], second: [0.9, 0.05, 0.05], third: [0.25, 0.25, 0.5] }),
  prompts,
  maxTokens: 3,
  tolerance: 1e-12,
});

testPolicyContract({
  name: "a linear softmax policy",
  make: async () => {
    const stream = randomStream(1, "theta");
    const theta = Array.from({ length: 4 }, () => Float64Array.from({ length: 25 }, () => stream.normal()));
    const conditionals = autoregressiveConditionals({
      vocabulary: 5,
      horizon: 4,
      features: (_, prefix, token) => [[5 * (prefix.at(-1) ?? 0) + token, 1]],
      theta,
    });
    return sequentialPolicy({
      ...conditionals,
      name: "bigram",
      fingerprint: parameterFingerprint("bigram", theta),
    });
  },
  prompts,
  maxTokens: 6,
  tolerance: 1e-12,
});

testPolicyContract({
  name: "a policy with an end token",
  make: async () =>
    sequentialPolicy({
      name: "ends",
      fingerprint: "ends",
      endToken: 3,
      // The longer a response is, the likelier it ends.
      next: (_, prefix) =>
        Float64Array.from([0.5, 0.3, 0.1, 0.1 + prefix.length], (p) => Math.log(p / (1 + prefix.length))),
    }),
  prompts,
  maxTokens: 4,
  tolerance: 1e-12,
});

// Twelve end tokens among 286: a good part of the responses ends within eighteen tokens.
const model = () => randomModel({ eosTokenIds: [1, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50] });

testPolicyContract({
  name: "LocalPolicy",
  make: async () => LocalPolicy.of(await model(), { threads: 1, rows: 7 }),
  prompts,
  maxTokens: 18,
  tolerance: 1e-4,
});

testPolicyContract({
  name: "LocalPolicy with an adapter",
  make: async (): Promise<Policy> => {
    const base = LocalPolicy.of(await model(), { threads: 1, rows: 64 });
    const fresh = newAdapter(base.runtime.model.config, { rank: 2 }, randomStream(1, "adapter"));
    const policy = await base.withAdapter(randomAdapter(fresh, 1, 0.3));
    const dispose = policy.dispose.bind(policy);
    policy.dispose = async () => {
      await dispose();
      await base.dispose();
    };
    return policy;
  },
  prompts,
  maxTokens: 18,
  tolerance: 1e-4,
});
