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
      expect(left.rows.flat().map(({ group, row }) => `${group} ${row}`)).toEqual(working);
      expect(left.rows.length).toBe(left.groups.length);
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
    rows: [
      [
        { group: 0, row: 0 },
        { group: 0, row: 3 },
      ],
      [{ group: 2, row: 1 }],
    ],
  });
  expect(remainder(layout, busy("....", "..x.", "....", "...."))).toEqual({
    layout: { groups: 1, rows: 4 },
    groups: [1],
    rows: [[{ group: 1, row: 2 }]],
  });
  // The three rows of a group are as well two groups of two.
  expect(remainder(layout, busy("x.xx", "x...", "x...", "...."))?.groups).toEqual([0, 0, 1, 2]);
  expect(remainder(layout, busy("x.xx", "x...", "x...", "x..."))).toBeUndefined();
  expect(remainder(layout, busy("....", "....", "....", "...."))).toBeUndefined();
  // One response a prompt: groups of one row stay so, in fours.
  const single = busy(...Array.from({ length: 16 }, (_, g) => (g === 3 || g === 9 ? "x" : ".")));
  expect(remainder({ groups: 16, rows: 1 }, single)).toEqual({
    layout: { groups: 4, rows: 1 },
    groups: [3, 9],
    rows: [[{ group: 3, row: 0 }], [{ group: 9, row: 0 }]],
  });
  const last = busy(...Array.from({ length: 16 }, (_, g) => (g === 9 ? "x" : ".")));
  expect(remainder({ groups: 16, rows: 1 }, last)?.layout).toEqual({ groups: 4, rows: 1 });
});

test("groups are as narrow as the length of their prompt lets them be, and a run is spread evenly over them", () => {
  const layoutFor = (length: number, run: number, canDrop = false) =>
    chooseLayout(
      { look: (limit) => ({ run, total: Math.min(limit, 1000), length, several: true }) },
      { rows: 96, canDrop },
    );
  // Fifty on groups of four are thirteen groups, on groups of eight seven: of eight rows, not one of them with two.
  expect(layoutFor(100, 50)).toEqual({ groups: 24, rows: 4 });
  expect(layoutFor(300, 50)).toEqual({ groups: 12, rows: 8 });
  expect(layoutFor(2000, 48)).toEqual({ groups: 6, rows: 16 });
  expect(layoutFor(2000, 50)).toEqual({ groups: 8, rows: 13 });
  expect(layoutFor(40, 50, true)).toEqual({ groups: 48, rows: 2 });
  expect(layoutFor(100, 50, true)).toEqual({ groups: 12, rows: 8 });
});

test("a smaller batch joins the rows of groups with the same prompt", () => {
  const busy = ["x...", ".x..", "....", "..x.", "x...", "...x"].map((rows) =>
    [...rows].map((row) => row === "x"),
  );
  // Groups 0, 1 and 3 have one prompt, 4 and 5 another: three rows and two.
  const found = remainder({ groups: 6, rows: 4 }, busy, (a, b) => a < 4 === b < 4);
  expect(found).toEqual({
    layout: { groups: 4, rows: 2 },
    groups: [0, 0, 4],
    rows: [
      [
        { group: 0, row: 0 },
        { group: 1, row: 1 },
      ],
      [{ group: 3, row: 2 }],
      [
        { group: 4, row: 0 },
        { group: 5, row: 3 },
      ],
    ],
  });
  // Without a prompt in common they are groups of two, and no fewer than twelve rows: too many to be worth it.
  expect(remainder({ groups: 6, rows: 4 }, busy)?.layout).toEqual({ groups: 6, rows: 2 });
});
