import { afterAll, beforeAll, expect, it } from "vitest";
import {
  arrivalsRuntime,
  byTag,
  drawAlone,
  drawAmongStrangers,
  samplesOfEight,
  SAMPLING,
  soak,
} from "../../src/transformer/decode/arrivals.test-helper.js";
import type { Runtime } from "../../src/transformer/runtime.js";
import { collect } from "../../src/transformer/tiny-models.test-helper.js";

/** What src/transformer/decode/arrivals.test.ts shows on few requests and one thread, on many and two. */
let runtime: Runtime;
beforeAll(async () => {
  runtime = await arrivalsRuntime(2);
});
afterAll(() => runtime.dispose());

it("draws 200 responses alike to the bit alone, together, and among strangers' that come and go", async () => {
  const own = samplesOfEight(25);
  const together = byTag(await collect(runtime.draw(own, SAMPLING)));
  expect(together).toHaveLength(200);
  expect(await drawAlone(runtime, own)).toEqual(together);
  expect(await drawAmongStrangers(runtime, own)).toEqual(together);
});

it("leaves nothing behind of 2,000 requests, 30 % of them cancelled at any moment", async () => {
  await soak(runtime, 2000);
});
