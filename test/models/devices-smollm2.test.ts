/** A real model on a GPU: transformers' own log-probabilities hold there. */
import { expect, test } from "vitest";
import { loadModel } from "../../src/transformer/model.js";
import { Runtime } from "../../src/transformer/runtime.js";
import { fetchedModel, goldenOf, type Continuation } from "../support/golden-model.js";
import { provideWebgpu } from "../support/webgpu.js";

const found = provideWebgpu();
if (!found) console.warn("No device for WebGPU on this machine: no real model is tried on it.");
const path = found ? (process.env["WHETSTONE_SMOLLM2"] ?? fetchedModel("smollm2")) : undefined;
const { continuations } = goldenOf<{ readonly continuations: readonly Continuation[] }>("smollm2");

// Scored in one pass, and one of the twenty alone: a GPU in software takes half a minute for it.
test.skipIf(path === undefined)(
  "SmolLM2's log-probabilities of a continuation are transformers' on the GPU",
  async () => {
    const runtime = new Runtime(await loadModel(path!), { device: "webgpu", maxLength: 128 });
    const { ids: prompt, tokens: response, logProbs } = continuations[0]!;
    const [scored] = await runtime.score([{ prompt, response }]);
    await runtime.dispose();
    expect(scored!.logProbs).toHaveLength(24);
    logProbs.forEach((expected, t) =>
      expect(Math.abs(scored!.logProbs[t]! - expected), `${t}`).toBeLessThan(1e-3),
    );
  },
);
