import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseLayout, remainder, widestGroup } from "./batch-layout.js";

const busyRows = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 20 }))
  .chain(([groups, rows, rarity]) =>
    fc.tuple(
      fc.array(
        fc.array(
          fc.integer({ min: 1, max: rarity }).map((x) => x === 1),
          { minLength: rows, maxLength: rows },
        ),
        { minLength: groups, maxLength: groups },
      ),
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: groups, maxLength: groups }),
    ),
  );

test("a smaller batch has every busy row once, beside its own prompt, in whole fours, and at most half as many rows", () => {
  fc.assert(
    fc.property(busyRows, ([busy, prompts]) => {
      const old = { groups: busy.length, rows: busy[0]!.length };
      const left = remainder(old, busy, prompts);
      const working = busy.flatMap((group, g) =>
        group.flatMap((works, r) => (works ? [g * old.rows + r] : [])),
      );
      if (left === undefined) return;
      const { groups, rows } = left.layout;
      expect(left.rows.flat().sort((a, b) => a - b)).toEqual(working);
      left.rows.forEach((places, g) => {
        for (const place of places)
          expect(prompts[Math.floor(place / old.rows)]).toBe(prompts[left.groups[g]!]);
      });
      expect(left.rows.length).toBeLessThanOrEqual(groups);
      expect(Math.max(...left.rows.map(({ length }) => length))).toBeLessThanOrEqual(rows);
      expect((groups * rows) % 4).toBe(0);
      expect(groups * rows).toBeLessThanOrEqual((old.groups * old.rows) / 2);
      if (groups > 1 && old.rows > 1) expect(rows).toBeGreaterThan(1);
    }),
  );
});

test("a batch shrinks as soon as half of it would do, and not for nothing", () => {
  const busy = (...groups: readonly string[]) => groups.map((rows) => [...rows].map((row) => row === "x"));
  const layout = { groups: 4, rows: 4 };
  const apart = [0, 1, 2, 3];
  expect(remainder(layout, busy("x..x", "....", ".x..", "...."), apart)).toEqual({
    layout: { groups: 2, rows: 2 },
    groups: [0, 2],
    rows: [[0, 3], [9]],
  });
  expect(remainder(layout, busy("....", "..x.", "....", "...."), apart)).toEqual({
    layout: { groups: 1, rows: 4 },
    groups: [1],
    rows: [[6]],
  });
  // Rows of one prompt come together: one group of four, where they had three of two.
  expect(remainder(layout, busy("x..x", "...x", "....", "x..."), [0, 0, 2, 0])).toEqual({
    layout: { groups: 1, rows: 4 },
    groups: [0],
    rows: [[0, 3, 7, 12]],
  });
  // Three groups of which one has three rows need four of two: 8 rows of 16.
  expect(remainder(layout, busy("x.xx", "x...", "x...", "...."), apart)).toEqual({
    layout: { groups: 4, rows: 2 },
    groups: [0, 0, 1, 2],
    rows: [[0, 2], [3], [4], [8]],
  });
  expect(remainder(layout, busy("x.xx", "x.x.", "x...", "x..."), apart)).toBeUndefined();
  expect(remainder(layout, busy("....", "....", "....", "...."), apart)).toBeUndefined();
  // One response a prompt: groups of one row stay so, in fours.
  const sixteen = Array.from({ length: 16 }, (_, g) => g);
  const single = busy(...sixteen.map((g) => (g === 3 || g === 9 ? "x" : ".")));
  expect(remainder({ groups: 16, rows: 1 }, single, sixteen)).toEqual({
    layout: { groups: 4, rows: 1 },
    groups: [3, 9],
    rows: [[3], [9]],
  });
  const last = busy(...sixteen.map((g) => (g === 9 ? "x" : ".")));
  expect(remainder({ groups: 16, rows: 1 }, last, sixteen)?.layout).toEqual({ groups: 4, rows: 1 });
});

test("groups are narrow where a prompt is cheap to hold once more, and narrower where responses can be dropped", () => {
  const widths = (canDrop: boolean) =>
    [64, 65, 512, 513, 1024, 1025].map((length) => widestGroup(length, canDrop));
  expect(widths(false)).toEqual([4, 4, 4, 8, 8, 16]);
  expect(widths(true)).toEqual([2, 4, 4, 8, 8, 8]);
});

test("one prompt that is all there is has wide groups, for none waits for its rows", () => {
  const requests = (run: number, total: number) => ({
    look: (limit: number) => ({
      ...{ run: Math.min(run, limit), total: Math.min(total, limit) },
      ...{ length: 300, several: true, alone: false },
    }),
  });
  const options = { rows: 48, canDrop: false };
  expect(chooseLayout(requests(16, 16), options)).toEqual({ groups: 1, rows: 16 });
  expect(chooseLayout(requests(48, 48), options)).toEqual({ groups: 3, rows: 16 });
  expect(chooseLayout(requests(25, 25), options)).toEqual({ groups: 2, rows: 14 });
  expect(chooseLayout(requests(17, 17), options)).toEqual({ groups: 2, rows: 10 });
  expect(chooseLayout(requests(16, 32), options)).toEqual({ groups: 8, rows: 4 });
  // Another prompt, or another response, comes after those that are seen.
  expect(chooseLayout(requests(48, 96), options)).toEqual({ groups: 12, rows: 4 });
  expect(chooseLayout(requests(16, 16), { ...options, canDrop: true })).toEqual({ groups: 4, rows: 4 });
});

test("requests that share no prompt have groups of one row where heads make several of it, and of two elsewhere", () => {
  const requests = (alone: boolean) => ({
    look: () => ({ run: 1, total: 12, length: 80, several: true, alone }),
  });
  const options = { rows: 16, canDrop: false };
  expect(chooseLayout(requests(true), { ...options, least: 1 })).toEqual({ groups: 12, rows: 1 });
  expect(chooseLayout(requests(true), { ...options, least: 2 })).toEqual({ groups: 6, rows: 2 });
  expect(chooseLayout(requests(false), { ...options, least: 1 })).toEqual({ groups: 6, rows: 2 });
});

test("a request that is alone has four rows for itself, or one where that is asked for", () => {
  const requests = (total: number) => ({
    look: () => ({ run: total, total, length: 80, several: false, alone: total === 1 }),
  });
  const options = { rows: 16, canDrop: false };
  expect(chooseLayout(requests(1), options)).toEqual({ groups: 1, rows: 4 });
  expect(chooseLayout(requests(1), { ...options, lone: true })).toEqual({ groups: 1, rows: 1 });
  expect(chooseLayout(requests(2), { ...options, lone: true })).toEqual({ groups: 1, rows: 4 });
});
