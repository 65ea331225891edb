import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Schedule } from "./schedule.js";

interface Request {
  readonly prompt: readonly number[];
  readonly name: string;
}

/** `counts[p]` requests of each prompt p, named "p/i", and how many of them were pulled. */
function source(counts: readonly number[]): {
  readonly requests: Iterable<Request>;
  readonly state: { pulled: number; closed: boolean };
} {
  const state = { pulled: 0, closed: false };
  function* pull(): Generator<Request> {
    try {
      for (const [p, count] of counts.entries()) {
        for (let i = 0; i < count; i++) {
          state.pulled++;
          // An array of its own each time: equal prompts need not be the same object.
          yield { prompt: [p, 1], name: `${p}/${i}` };
        }
      }
    } finally {
      state.closed = true;
    }
  }
  return { requests: pull(), state };
}

const take = (schedule: Schedule<Request>, group: number, count: number): (string | undefined)[] =>
  Array.from({ length: count }, () => schedule.next(group)?.name);

describe("a schedule", () => {
  test("looks ahead no further than it is asked to", () => {
    const { requests, state } = source([3, 4]);
    const schedule = new Schedule(requests);
    expect(schedule.look(2)).toEqual({ run: 2, total: 2, length: 2, several: false, alone: false });
    expect(state.pulled).toBeLessThanOrEqual(3);
    expect(schedule.look(5)).toEqual({ run: 3, total: 5, length: 2, several: false, alone: false });
    expect(schedule.look(100)).toEqual({ run: 3, total: 7, length: 2, several: false, alone: false });
    expect(new Schedule<Request>([]).look(5)).toEqual({
      run: 0,
      total: 0,
      length: 0,
      several: false,
      alone: true,
    });
  });

  test("gives all of a prompt to one group, in order, and pulls the next only when a group is free", () => {
    const { requests, state } = source([3, 2, 2]);
    const schedule = new Schedule(requests);
    schedule.open(2);
    expect(schedule.next(0)).toBeUndefined();
    expect(schedule.reopen(0)).toEqual([0, 1]);
    expect(schedule.reopen(1)).toEqual([1, 1]);
    expect(take(schedule, 0, 4)).toEqual(["0/0", "0/1", "0/2", undefined]);
    expect(take(schedule, 1, 1)).toEqual(["1/0"]);
    // One of the third prompt was needed to see that the second had ended.
    expect(state.pulled).toBe(6);
    expect(schedule.reopen(0)).toEqual([2, 1]);
    expect(take(schedule, 0, 1)).toEqual(["2/0"]);
  });

  test("lets idle groups take half of the longest backlog once no prompt is left", () => {
    const schedule = new Schedule(source([9]).requests);
    schedule.open(3);
    schedule.reopen(0);
    expect(take(schedule, 0, 1)).toEqual(["0/0"]);
    expect(schedule.reopen(1)).toEqual([0, 1]);
    expect(take(schedule, 1, 1)).toEqual(["0/5"]);
    expect(schedule.reopen(2)).toEqual([0, 1]);
    expect(take(schedule, 2, 1)).toEqual(["0/3"]);
  });

  test("lets a group whose rows are free take what waits elsewhere for the same prompt", () => {
    const schedule = new Schedule(source([5, 3]).requests);
    schedule.open(3);
    schedule.reopen(0);
    schedule.reopen(1);
    expect(take(schedule, 0, 1)).toEqual(["0/0"]);
    expect(schedule.reopen(2)).toEqual([0, 1]);
    expect(take(schedule, 2, 4)).toEqual(["0/3", "0/4", "0/1", "0/2"]);
    // What waits is of another prompt, whose keys and values the group does not hold.
    expect(take(schedule, 2, 1)).toEqual([undefined]);
    expect(take(schedule, 1, 3)).toEqual(["1/0", "1/1", "1/2"]);
    expect(schedule.reopen(2)).toBeUndefined();
  });

  test("tells the source that no more is wanted", () => {
    const { requests, state } = source([5]);
    const schedule = new Schedule(requests);
    schedule.look(2);
    expect(state.closed).toBe(false);
    schedule.close();
    expect(state.closed).toBe(true);
  });

  test("hands out every request once, to a group with its prompt, whatever finishes when", () => {
    const runs = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 6 });
    const shape = fc.record({
      groups: fc.integer({ min: 1, max: 4 }),
      rows: fc.integer({ min: 1, max: 4 }),
      ends: fc.infiniteStream(fc.boolean()),
    });
    fc.assert(
      fc.property(runs, shape, (counts, { groups, rows, ends }) => {
        const schedule = new Schedule(source(counts).requests);
        schedule.look(groups * rows);
        schedule.open(groups);
        const prompts: (readonly number[])[] = Array.from({ length: groups }, () => []);
        const busy: boolean[][] = Array.from({ length: groups }, () => Array<boolean>(rows).fill(false));
        const seen: string[] = [];
        const fill = (g: number): void =>
          busy[g]!.forEach((isBusy, r) => {
            const request = isBusy ? undefined : schedule.next(g);
            if (!request) return;
            busy[g]![r] = true;
            expect(request.prompt).toEqual(prompts[g]);
            seen.push(request.name);
          });
        for (let step = 0; ; step++) {
          for (let g = 0; g < groups; g++) {
            fill(g);
            if (busy[g]!.includes(true)) continue;
            const prompt = schedule.reopen(g);
            if (!prompt) continue;
            prompts[g] = prompt;
            fill(g);
            expect(busy[g]!.includes(true)).toBe(true);
          }
          if (!busy.flat().includes(true)) break;
          // Some rows finish; all of them in every third step, so that it comes to an end.
          for (const row of busy) row.forEach((_, r) => (row[r] &&= step % 3 !== 2 && ends.next().value));
        }
        const all = counts.flatMap((count, p) => Array.from({ length: count }, (_, i) => `${p}/${i}`));
        expect(seen.sort()).toEqual(all.sort());
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
