import { describe, expect, it } from "vitest";
import { FrameReader } from "./event-stream.js";
import type { RaceFrame } from "./frames.js";
import { tintOf } from "./lanes.js";
import { slowed } from "./pace.js";
import { reasonOut, standingOf } from "./standing.js";
import { afterFrames, newRace } from "./state.js";

const start: RaceFrame = {
  kind: "start",
  reward: "log-likelihood",
  best_of: 3,
  temperature: 1,
  seed: 7,
  max_tokens: 9,
};
const token = (c: number, i: number, text: string, sum: number, keep: number): RaceFrame => ({
  kind: "token",
  ...{ c, i, text, keep, sum, lp: [-0.5] },
});
const textOf = (race: ReturnType<typeof newRace>, c: number): string =>
  race.lanes[c]!.pieces.map(({ text }) => text).join("");

describe("a race", () => {
  it("gathers each candidate's text and path, and leaves lanes that are not concerned as they are", () => {
    const before = afterFrames(newRace(2), [start]);
    const race = afterFrames(before, [token(0, 1, "ab", -1, 0), token(0, 2, "cd", -1.5, 2)]);
    expect(race.lanes).toHaveLength(3);
    expect(textOf(race, 0)).toBe("abcd");
    expect(race.lanes[0]!.path).toEqual([
      [0, 0],
      [1, -1],
      [2, -1.5],
    ]);
    expect(race.lanes[1]).toBe(before.lanes[1]);
  });

  it("takes back what a tokenizer takes back, in the middle of a piece too", () => {
    const race = afterFrames(newRace(1), [token(0, 1, "one ", -1, 0), token(0, 2, ".", -2, 3)]);
    expect(textOf(race, 0)).toBe("one.");
    expect(textOf(afterFrames(race, [token(0, 3, "x", -3, 0)]), 0)).toBe("x");
  });

  it("says who leads, who is out and why, and who is chosen", () => {
    const finished: RaceFrame = {
      kind: "finished",
      ...{ c: 1, sum: -2, tokens: 2, text: "b", keep: 0, lp: [-1, -1], finish: "stop" },
      leader: { c: 1, score: -2 },
    };
    const pruned: RaceFrame = {
      kind: "pruned",
      c: 0,
      at: 23,
      sum: -14.21,
      most: -14.21,
      bound: -11.9,
      by: 1,
    };
    const race = afterFrames(newRace(3), [start, finished, pruned]);
    const standing = (c: number, of = race) => standingOf(of.lanes[c]!, of);
    expect(standing(0)).toEqual({ look: "out", words: "−14.2 ‹ −11.9 of #1 at token 23" });
    expect(standing(1)).toEqual({ look: "leading", words: "leads with −2.00" });
    expect(standing(2).look).toBe("waiting");
    const why = {
      ...{ reward: "log-likelihood", score: -2, whole: 2, others: [] },
      scores: [
        { c: 1, score: -2 },
        { c: 2, score: -3 },
      ],
    };
    const over = afterFrames(race, [{ kind: "chosen", c: 1, why, tokens: { drawn: 9, chosen: 2 } }]);
    expect(standing(1, over).look).toBe("won");
    expect(standing(2, over)).toEqual({ look: "out", words: "−3.00 ‹ −2.00 at its end" });
  });

  it("says where a loser is out even if its reward does not tell why", () => {
    expect(reasonOut({ at: 4, sum: -1 })).toBe("out at token 4");
  });
});

describe("the frames of a stream", () => {
  it("are read whole, wherever the pieces are cut", () => {
    const text = 'event: token\ndata: {"c":1,"i":2}\n\nevent: chosen\ndata: {"c":1}\n\n';
    for (let cut = 0; cut <= text.length; cut++) {
      const reader = new FrameReader();
      const frames = [...reader.take(text.slice(0, cut)), ...reader.take(text.slice(cut))];
      expect(frames).toEqual([
        { kind: "token", c: 1, i: 2 },
        { kind: "chosen", c: 1 },
      ]);
    }
  });

  it("can be shown a token at a time, all of them in order", async () => {
    const frames = [start, token(0, 1, "a", -1, 0), token(1, 1, "b", -1, 0), token(0, 2, "c", -2, 1)];
    async function* batches() {
      yield frames.slice(0, 1);
      yield frames.slice(1);
    }
    let waits = 0;
    const groups: (readonly RaceFrame[])[] = [];
    for await (const group of slowed(batches(), async () => void waits++)) groups.push(group);
    expect(groups.flat()).toEqual(frames);
    expect(waits).toBe(2);
    expect(groups.at(-1)).toEqual(frames.slice(3));
  });

  it("can be shown so for a candidate that begins late, too", async () => {
    const early = [1, 2, 3, 4].map((i) => token(0, i, "a", -i, i - 1));
    const late = [1, 2, 3].map((i) => token(1, i, "b", -i, i - 1));
    async function* batches() {
      yield [start, ...early, ...late];
    }
    let waits = 0;
    const shownAfter: number[] = [];
    for await (const group of slowed(batches(), async () => void waits++))
      for (const frame of group) if (frame.kind === "token" && frame.c === 1) shownAfter.push(waits);
    expect(shownAfter).toEqual([4, 5, 6]);
  });
});

it("tints a token the more, the less likely it was", () => {
  expect([0, -0.05, -0.11, -0.6, -1.5, -3, -30].map(tintOf)).toEqual([0, 0, 1, 2, 3, 6, 6]);
});
