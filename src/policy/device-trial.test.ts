import { expect, it } from "vitest";
import { DeviceError } from "../core/errors.js";
import { loadModel } from "../transformer/model.js";
import { Runtime } from "../transformer/runtime.js";
import { checkNumbers } from "./device-trial.js";
import { modelFolder } from "./model-folder.js";

it("a device whose numbers are the CPU's is taken, and one that is off by more than a thousandth of a nat is not", async () => {
  const model = await loadModel(modelFolder("game24"));
  const runtime = new Runtime(model, { threads: 1 });
  try {
    await checkNumbers(runtime, { threads: 1 });
    // What is compiled keeps its weights: from here on, those that the CPU is given are others.
    const norm = model.weights.get("model.norm.weight")!.data;
    const right = norm.slice();
    norm.forEach((value, i) => (norm[i] = value * (1 + 1e-6)));
    await checkNumbers(runtime, { threads: 1 });
    norm.forEach((value, i) => (norm[i] = value * 1.05));
    const refused = await checkNumbers(runtime, { threads: 1 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DeviceError);
    expect((refused as DeviceError).reason).toBe("device-wrong");
    expect((refused as DeviceError).message).toMatch(
      /wrong numbers: log π of a token of game24 is -?\d+\.\d{4} there/,
    );
    norm.set(right);
  } finally {
    await runtime.dispose();
  }
});
