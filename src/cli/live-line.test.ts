import { describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { answerLine, answersLine, scoreLines } from "./live-line.js";
import { showProgress } from "./progress.js";

const response = (index: number, text: string, logProbs: readonly number[]): Response => ({
  ...{ promptId: "p", index, text, tokens: logProbs.map(() => 1), logProbs, finish: "stop" },
});

describe("the line of an answer", () => {
  it("tells rows, tokens, what was dropped, and what leads", () => {
    const line = answerLine(4);
    for (const index of [0, 1, 2]) {
      line.take({
        kind: "drawn",
        promptId: "p",
        index,
        length: 3,
        logProb: -2,
        logProbs: [-1, -1, 0],
        text: "a",
      });
    }
    expect(line.text()).toBe("0 of 4 done · 3 drawing · 9 tokens");
    const one = response(1, "  forty-two\nin all", [-1, -0.5, -0.25, -0.25]);
    line.take({ kind: "finished", promptId: "p", response: one, leader: { index: 1, score: -2 }, out: [] });
    line.take({ kind: "dropped", promptId: "p", index: 0, length: 5, logProb: -7 });
    expect(line.text()).toBe("1 of 4 done · 1 drawing · 1 dropped · 12 tokens · best −2: forty-two\nin all");
  });

  it("of several prompts tells how many are answered, and of the others what is drawn", () => {
    const line = answersLine(2, 5, 1);
    const drawn = { kind: "drawn", index: 0, length: 3, logProb: -2, logProbs: [], text: "a" } as const;
    line.take({ ...drawn, promptId: "p" });
    line.take({ ...drawn, promptId: "q" });
    line.take({ ...drawn, promptId: "q", index: 1, length: 4 });
    expect(line.text()).toBe("1 of 5 answered · 3 drawing · 10 tokens");
    const one = response(0, " four\n", [-1, -1]);
    const best = { prompt: { id: "p", text: "?" }, chosen: one, finished: [one], scores: [-2], tokens: 6 };
    line.take({ kind: "chosen", promptId: "p", ...best, score: -2, open: 0 });
    expect(line.text()).toBe("2 of 5 answered · 2 drawing · 13 tokens · last: four");
  });

  it("of all responses names each text once, the best first, with how often it was drawn", () => {
    const texts = ["a", "b", "a", "c", "a"].map((text) => ({ text }));
    expect(scoreLines(texts, [-2, -1.5, -2, -10, -2])).toBe(
      "   -1.500      b\n   -2.000  ×3  a\n  -10.000      c\n",
    );
    expect(scoreLines(texts.slice(0, 2), [-2, -1])).toBe("   -1.000  b\n   -2.000  a\n");
  });
});

/** A terminal, or a pipe, that keeps what is written to it. */
function stream(
  isTTY: boolean,
  columns: number,
): { readonly stream: NodeJS.WriteStream; readonly written: string[] } {
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  return { stream: { isTTY, columns, write } as unknown as NodeJS.WriteStream, written };
}

describe("the bar of a stage", () => {
  it("is replaced in place, no wider than the terminal, and stays when the stage ends", () => {
    const { stream: terminal, written } = stream(true, 60);
    const view = showProgress(terminal, {});
    view.update({ stage: "sampling", done: 0, total: 50 });
    view.update({ stage: "sampling", done: 50, total: 50 });
    view.update({ stage: "choosing", done: 0, total: 1 });
    view.stop();
    const bar = (filled: number): string => "█".repeat(filled) + "░".repeat(28 - filled);
    const name = (stage: string): string => stage.padEnd(25);
    expect(written[0]).toBe(`\r${name("sampling")} ${bar(0)}   0 \u001B[K`);
    const took = written.indexOf("\n");
    expect(written[took - 1]).toBe(`\r${name("sampling")} ${bar(28)} 100 \u001B[K`);
    expect(written.slice(took + 1)).toEqual([
      `\r${name("choosing")} …\u001B[K`,
      `\r${name("choosing")} …\u001B[K`,
      "\n",
    ]);
    expect(written.join("").split("\n")).toHaveLength(3);
  });
});

describe("a live line", () => {
  it("is replaced in place, never wider than the terminal, and gone when something else is to be said", () => {
    const { stream: terminal, written } = stream(true, 30);
    const view = showProgress(terminal, {});
    expect(view.live).toBe(true);
    view.line(() => "x".repeat(100));
    // Too soon for another: it is not even put together.
    view.line(() => {
      throw new Error("asked for too soon");
    });
    view.stop();
    view.stop();
    expect(written).toEqual([`\r${"x".repeat(28)}…\u001B[K`, "\r\u001B[K"]);
  });

  it.each([
    ["a pipe", false, {}],
    ["a terminal under CI", true, { CI: "true" }],
    ["a terminal that cannot go back", true, { TERM: "dumb" }],
  ] as const)("is not shown on %s", (_, isTTY, env) => {
    const { stream: other, written } = stream(isTTY, 80);
    const view = showProgress(other, env);
    expect(view.live).toBe(false);
    view.line(() => "anything");
    view.stop();
    expect(written).toEqual([]);
  });
});
