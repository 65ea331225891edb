import { describe, expect, it } from "vitest";
import { growthInThread } from "./heap-growth.test-helper.js";
import { collectEarly } from "./heap.js";

describe("collectEarly", () => {
  it("holds the garbage of every thread's heap to a fifth of what is alive, until the last who asked has ended", async () => {
    const before = await growthInThread();
    const [first, second] = [collectEarly(), collectEarly()];
    const early = await growthInThread();
    first();
    first();
    const still = await growthInThread();
    second();
    const after = await growthInThread();
    // Young objects, and what is allocated while a heap is collected, come on top: that much of 64 MB where processors are busy.
    for (const growth of [early, still]) expect(growth).toBeLessThan(2.5);
    for (const growth of [before, after]) expect(growth).toBeGreaterThan(3);
  }, 60_000);
});
