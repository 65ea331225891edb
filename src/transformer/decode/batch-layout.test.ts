import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseLayout, remainder } from "./batch-layout.js";

const busyRows = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 20 }))
  .chain(([groups, rows, rarity]) =>
    fc.array(
      fc.array(
        fc.integer({ min: 1, max: rarity }).map((x) => x === 1),
        { minLength: rows, maxLength: rows },
      ),
      { minLength: groups, maxLength: groups },
    ),
  );

test("a smaller batch has every busy row once, in whole fours, and at most half as many rows", () => {
  fc.assert(
    fc.property(busyRows, (busy) => {
      const old = { groups: busy.length, rows: busy[0]!.length };
      const left = remainder(old, busy);
      const working = busy.flatMap((group, g) => group.flatMap((works, r) => (works ? [`${g} ${r}`] : [])));
      if (left === undefined) return;
      const { groups, rows } = left.layout;
      expect(left.rows.flatMap((places, g) => places.map((r) => `${left.groups[g]} ${r}`))).toEqual(working);
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
  expect(remainder(layout, busy("x..x", "....", ".x..", "...."))).toEqual({
    layout: { groups: 2, rows: 2 },
    groups: [0, 2],
    rows: [[0, 3], [1]],
  });
  expect(remainder(layout, busy("....", "..x.", "....", "...."))).toEqual({
    layout: { groups: 1, rows: 4 },
    groups: [1],
    rows: [[2]],
  });
  // Three groups of three rows need four groups: 12 rows of 16.
  expect(remainder(layout, busy("x.xx", "x...", "x...", "...."))).toBeUndefined();
  expect(remainder(layout, busy("....", "....", "....", "...."))).toBeUndefined();
  // One response a prompt: groups of one row stay so, in fours.
  const single = busy(...Array.from({ length: 16 }, (_, g) => (g === 3 || g === 9 ? "x" : ".")));
  expect(remainder({ groups: 16, rows: 1 }, single)).toEqual({
    layout: { groups: 4, rows: 1 },
    groups: [3, 9],
    rows: [[0], [0]],
  });
  const last = busy(...Array.from({ length: 16 }, (_, g) => (g === 9 ? "x" : ".")));
  expect(remainder({ groups: 16, rows: 1 }, last)?.layout).toEqual({ groups: 4, rows: 1 });
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
