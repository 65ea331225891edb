import { afterAll, describe, test } from "vitest";
import { Engine } from "../index.js";
import { SHAPE_CASES } from "./cases.test-helper.js";
import { checkRandomly } from "./check.test-helper.js";

const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

describe("ONNX Runtime, the reference and finite differences agree", () => {
  test.each(Object.entries(SHAPE_CASES))("%s", async (_, build) => {
    await checkRandomly(engine, build);
  });
});
