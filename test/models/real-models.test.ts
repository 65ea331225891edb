/** Qwen2.5-Coder-0.5B and Gemma 3 270M, from the GGUF files that people have, beside transformers' values of the same files. */
import { afterEach, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { expectContinuations, fetchedModel, goldenOf } from "../support/golden-model.js";

describe.each(["qwen", "gemma"] as const)("%s", (name) => {
  const path = fetchedModel(name);
  const { continuations } = goldenOf(name);
  let policy: LocalPolicy | undefined;
  afterEach(() => policy?.dispose());

  it.skipIf(path === undefined).each([undefined, "keep"] as const)(
    "goes on greedily as transformers does, token by token, with the same log-probabilities (quantize: %s)",
    async (quantize) => {
      expect(continuations.length).toBeGreaterThanOrEqual(17);
      policy = await LocalPolicy.load(path!, quantize ? { quantize } : {});
      await expectContinuations(policy, continuations);
    },
  );
});
