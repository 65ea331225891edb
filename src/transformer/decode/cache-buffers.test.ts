import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { Engine } from "../../graph/index.js";
import { CacheBuffers } from "./cache-buffers.js";

const NAMES = ["key.0", "value.0"];
const engine = new Engine({ threads: 1 });
afterAll(() => engine.dispose());

/** What is done with rows, one after the other. */
type Step =
  | { readonly kind: "spread"; readonly by: number; readonly most: number }
  | { readonly kind: "replace"; readonly by: number; readonly kept: number }
  | { readonly kind: "move"; readonly from: readonly number[]; readonly shorter: boolean };

const places = fc.array(fc.nat(99), { minLength: 1, maxLength: 5 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("spread" as const), by: fc.integer({ min: 1, max: 9 }), most: fc.nat(60) }),
  fc.record({ kind: fc.constant("replace" as const), by: fc.nat(99), kept: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("move" as const), from: places, shorter: fc.boolean() }),
);

describe("the buffers of a cache", () => {
  it(
    "hold the rows that they are given, however these are spread, replaced and moved",
    { timeout: 30_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { maxLength: 8 }), async (asked) => {
          const buffers = new CacheBuffers(engine, NAMES, "float32");
          let width = 2;
          let rows = [0, 1, 2].map((row) => [row + 1, row + 0.5]);
          const write = async (): Promise<void> =>
            buffers.each(async (buffer, i) => {
              expect(buffer).toBe(buffers.get(NAMES[i]!));
              await buffer.write(Float32Array.from(rows.flat(), (value) => value + 100 * i));
            });
          await buffers.spread(rows.length, 0, width);
          await write();
          for (const step of asked) {
            if (step.kind === "spread") {
              const to = width + step.by;
              await buffers.spread(rows.length, width, to, Math.max(to, step.most));
              // What is behind a row's tokens is not told; it is written here, so that the next step has something to keep.
              rows = rows.map((row, i) => [...row, ...Array.from({ length: step.by }, (_, j) => i + j / 8)]);
              for (const [n, name] of NAMES.entries()) {
                const held = [...((await buffers.get(name).read(0, rows.length * to)) as Float32Array)];
                rows.forEach((row, i) => {
                  const before = row.slice(0, width).map((value) => value + 100 * n);
                  expect(held.slice(i * to, i * to + width)).toEqual(before);
                });
              }
              width = to;
              await write();
            } else if (step.kind === "replace") {
              // The first rows stay, and the others become copies of them.
              const kept = Math.min(step.kept, rows.length);
              const from = rows.map((_, i) => (i < kept ? i : (step.by + i) % kept));
              const others = from.flatMap((row, i) => (i < kept ? [] : [{ row, i }]));
              const moved = {
                from: others.map(({ row }) => row * width),
                to: others.map(({ i }) => i * width),
              };
              await buffers.replace(moved, width);
              rows = from.map((row) => [...rows[row]!]);
            } else {
              const from = step.from.map((row) => row % rows.length);
              const next = step.shorter ? Math.max(1, width - 1) : width;
              const moved = { from: from.map((row) => row * width), to: from.map((_, i) => i * next) };
              await buffers.move(from.length * next, moved, next);
              rows = from.map((row) => rows[row]!.slice(0, next));
              width = next;
            }
          }
          for (const [n, name] of NAMES.entries()) {
            const held = (await buffers.get(name).read(0, rows.length * width)) as Float32Array;
            expect([...held]).toEqual(rows.flat().map((value) => value + 100 * n));
          }
          await buffers.dispose();
          expect(buffers.all.size).toBe(0);
        }),
        { numRuns: 60 },
      );
    },
  );

  it("grow in place as long as there is room for what may come, and take no more room than that", async () => {
    const buffers = new CacheBuffers(engine, NAMES, "float32");
    await buffers.spread(3, 0, 4, 20);
    const first = buffers.get("key.0");
    expect(first.length).toBe(3 * 20);
    await buffers.spread(3, 4, 20, 20);
    expect(buffers.get("key.0")).toBe(first);
    await buffers.spread(3, 20, 21, 10_000);
    expect(first.isFreed).toBe(true);
    expect(buffers.get("key.0").length).toBe(3 * 21 * 8);
    await buffers.dispose();
  });
});
