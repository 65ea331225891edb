import { describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import { countEnds, endsFinding, endsOf as endsOfPool } from "./ends.js";

const response = (
  promptId: string,
  text: string,
  finish: Response["finish"] = "stop",
  index = 0,
): Response => ({
  promptId,
  index,
  text,
  tokens: [0],
  logProbs: [-1],
  finish,
});
const extract = (text: string): string | undefined => /^= (\w)/.exec(text)?.[1];
const pool = (id: string, ...responses: Response[]): Pool => ({
  prompt: { id, text: "?" },
  responses,
  extract,
});

/** @param chosen by reward, in the pools' order. */
function endsOf(
  pools: readonly Pool[],
  greedy: readonly Response[],
  chosen: ReadonlyMap<string, readonly Response[]>,
) {
  const count = countEnds();
  pools.forEach((own, p) => {
    const best = new Map([...chosen].map(([reward, responses]) => [reward, responses[p]!]));
    count.add(
      endsOfPool(
        own,
        greedy.find(({ promptId }) => promptId === own.prompt.id),
        best,
      ),
    );
  });
  return count.ends();
}

describe("how responses end", () => {
  const pools = [
    pool(
      "a",
      response("a", "= x"),
      response("a", "hm"),
      response("a", "= y", "length"),
      response("a", "so", "length"),
    ),
    pool("b", response("b", "= x"), response("b", "= x"), response("b", "= x"), response("b", "none")),
  ];
  const greedy = [response("b", "so", "length", -1), response("a", "hm", "stop", -1)];
  const chosen = new Map([["log-likelihood", [pools[0]!.responses[1]!, pools[1]!.responses[0]!]]]);

  it("counts what was cut off apart from what has no answer, of all, of greedy, and of each choice", () => {
    expect(endsOf(pools, greedy, chosen)).toEqual({
      ends: {
        drawn: { cut: 2 / 8, abstained: 2 / 8 },
        greedy: { cut: 1 / 2, abstained: 1 / 2 },
        chosen: { "log-likelihood": { cut: 0, abstained: 1 / 2 } },
      },
    });
  });

  it("has nothing to say where each response ends by itself with an answer", () => {
    const whole = [pool("a", response("a", "= x"), response("a", "= y"))];
    expect(endsOf(whole, [response("a", "= x", "stop", -1)], new Map())).toEqual({});
  });

  it("takes no text for an abstention where the task reads no answers", () => {
    const open = [
      { ...pool("a", response("a", "yes"), response("a", "no", "length")), extract: () => undefined },
    ];
    expect(endsOf(open, [response("a", "yes", "stop", -1)], new Map()).ends).toEqual({
      drawn: { cut: 1 / 2, abstained: 0 },
      greedy: { cut: 0, abstained: 0 },
      chosen: {},
    });
  });

  it("is a sentence from one in a hundred on", () => {
    const none = { cut: 0, abstained: 0 };
    const ends = {
      drawn: { cut: 0.25, abstained: 0.031 },
      greedy: none,
      chosen: { majority: { cut: 0.1, abstained: 0 } },
    };
    expect(endsFinding({ ends, labelled: true })).toEqual([
      "How responses end: 25.0 % cut off, 3.1 % without an answer; greedy ones: 0.0 % cut off, 0.0 % without an answer; " +
        "chosen by majority: 10.0 % cut off, 0.0 % without an answer. No answer counts as wrong, a response that was cut off by the " +
        "answer that it has, if any.",
    ]);
    expect(
      endsFinding({ ends: { ...ends, drawn: { cut: 0.009, abstained: 0.009 } }, labelled: true }),
    ).toEqual([]);
    expect(endsFinding({ labelled: true })).toEqual([]);
  });
});
