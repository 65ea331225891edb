import { describe, expect, it, vi } from "vitest";
import { inBatches } from "./pace.js";

describe("values in batches", () => {
  it("are all there, in order, and batches are apart", async () => {
    vi.useFakeTimers();
    try {
      async function* values() {
        yield 1;
        yield 2;
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield 3;
      }
      const batches: (readonly number[])[] = [];
      const all = (async () => {
        for await (const batch of inBatches(values(), 33)) batches.push(batch);
      })();
      await vi.advanceTimersByTimeAsync(32);
      expect(batches).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(batches).toEqual([[1, 2]]);
      await vi.advanceTimersByTimeAsync(60);
      await all;
      expect(batches).toEqual([[1, 2], [3]]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("end with whoever stops reading, and pass an error on after what came before it", async () => {
    let over = false;
    async function* endless() {
      try {
        for (;;) yield 0;
      } finally {
        over = true;
      }
    }
    for await (const _ of inBatches(endless(), 1)) break;
    expect(over).toBe(true);
    async function* failing() {
      yield 1;
      throw new Error("no more");
    }
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const batch of inBatches(failing(), 1)) seen.push(...batch);
      })(),
    ).rejects.toThrow("no more");
    expect(seen).toEqual([1]);
  });
});
