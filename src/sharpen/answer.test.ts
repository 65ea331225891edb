import { afterAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import { sequenceLogProb, type Policy } from "../policy/policy.js";
import { tabularPolicy } from "../policy/tabular.js";
import { rewardNamed } from "../reward/registry.js";
import { answer, answerAllEvents, answerEvents, answerRoom, type AnswerOptions } from "./answer.js";
import type { AnswerEvent, ChosenEvent, DrawnEvent } from "./answer-events.js";
import { bestOfN } from "./best-of-n.js";
import { candidates } from "./candidates.js";
import { collect, promptsOf, tinyGamePolicy, wordPolicy } from "./tiny-policies.test-helper.js";

const [PROMPT] = promptsOf(1) as [ReturnType<typeof promptsOf>[number]];
const OPTIONS: AnswerOptions = { n: 12, maxTokens: 9, seed: 4 };
const policies: Policy[] = [];
afterAll(async () => {
  for (const policy of policies) await policy.dispose();
});
const tiny = async (rows?: number): Promise<LocalPolicy> => {
  const policy = await tinyGamePolicy(rows);
  policies.push(policy);
  return policy;
};

const chosenOf = (events: readonly AnswerEvent[]): ChosenEvent => {
  const last = events.at(-1)!;
  if (last.kind !== "chosen") throw new Error(`the last event is ${last.kind}`);
  return last;
};

describe.each(["log-likelihood", "length-normalized", "majority", "self-certainty"])(
  "events with %s",
  (name) => {
    const reward = rewardNamed(name);

    it("choose what best-of-N chooses, with and without progress, and account for every response once", async () => {
      for (const policy of [wordPolicy(), await tiny(3)]) {
        const all = {
          ...OPTIONS,
          reward,
          n: 12,
          temperature: 1,
          maxTokens: 9,
          seed: 4,
          extract: (text: string) => text.slice(0, 1),
        };
        const [best] = await collect(bestOfN(policy, [PROMPT], all));
        for (const progress of [false, true]) {
          const events = await collect(answerEvents(policy, PROMPT, { ...all, progress }));
          expect(chosenOf(events)).toMatchObject({ ...best! });
          const settled = events.flatMap((event) =>
            event.kind === "finished"
              ? [event.response.index]
              : event.kind === "dropped"
                ? [event.index]
                : [],
          );
          expect(settled.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index));
          expect(events.some(({ kind }) => kind === "drawn")).toBe(progress);
        }
      }
    });

    it("say why: the score, the best of the others, and how many were open", async () => {
      const events = await collect(answerEvents(await tiny(3), PROMPT, { ...OPTIONS, reward }));
      const { chosen, score, runnerUp, open, finished, scores } = chosenOf(events);
      const others = finished
        .map(({ index }, i) => ({ index, score: scores[i]! }))
        .filter(({ index }) => index !== chosen.index);
      expect(score).toBe(scores[finished.indexOf(chosen)]);
      expect(runnerUp).toEqual(
        others.find((other) => other.score === Math.max(...others.map((each) => each.score))),
      );
      expect(open).toBe(12 - finished.length);
      expect(open).toBe(events.filter(({ kind }) => kind === "dropped").length);
    });
  },
);

describe("what is dropped", () => {
  it("says by which response and bound, and could not have won", async () => {
    const policy = await tiny(2);
    const events = await collect(answerEvents(policy, PROMPT, OPTIONS));
    const full = await answer(policy, PROMPT, { ...OPTIONS, keepAll: true });
    const finished = new Map<number, number>();
    let dropped = 0;
    for (const event of events) {
      if (event.kind === "finished") finished.set(event.response.index, sequenceLogProb(event.response));
      if (event.kind !== "dropped") continue;
      dropped++;
      const { index, length, logProb, ruling } = event;
      const whole = full.finished.find((response) => response.index === index)!;
      let sum = 0;
      for (const value of whole.logProbs.slice(0, length)) sum += value;
      expect(Math.abs(logProb - sum)).toBeLessThan(1e-5);
      expect(ruling).toEqual({
        most: logProb,
        bound: Math.max(...finished.values()),
        by: expect.any(Number),
      });
      expect(finished.get(ruling!.by)).toBe(ruling!.bound);
      expect(sequenceLogProb(whole)).toBeLessThan(full.score);
    }
    expect(dropped).toBeGreaterThan(2);
  });

  it("by majority says how many votes there were and could be", async () => {
    const policy = tabularPolicy({ p0: [0.9, 0.1] });
    const words = wordPolicy();
    const reward = rewardNamed("majority");
    const events = await collect(
      answerEvents(words, PROMPT, { ...OPTIONS, n: 30, reward, extract: (text) => text.slice(0, 1) }),
    );
    const ruled = events.flatMap((event) => (event.kind === "dropped" ? [event.ruling!] : []));
    for (const { most, bound } of ruled) expect(most).toBeLessThan(bound);
    expect(ruled.length).toBeGreaterThan(0);
    await policy.dispose();
  });
});

describe("progress", () => {
  it("tells every token once, with the text so far", async () => {
    const policy = await tiny(4);
    const { encode } = policy.runtime.model.tokenizer;
    expect(encode).toBeDefined();
    const told = new Map<number, number[]>();
    for await (const event of answerEvents(policy, PROMPT, { ...OPTIONS, keepAll: true, progress: true })) {
      if (event.kind === "drawn") {
        const list = told.get(event.index) ?? [];
        list.push(...event.logProbs);
        told.set(event.index, list);
        expect(event.length).toBe(list.length);
        expect(Math.abs(event.logProb - list.reduce((a, b) => a + b, 0))).toBeLessThan(1e-5);
      }
      if (event.kind === "finished") {
        const { index, logProbs } = event.response;
        const seen = told.get(index) ?? [];
        expect(seen).toEqual(logProbs.slice(0, seen.length));
        // All but the last, which the finished response tells.
        expect(seen.length).toBe(logProbs.length - 1);
      }
    }
    expect(told.size).toBeGreaterThan(6);
  });

  it("waits as one event for a slow reader", async () => {
    const policy = await tiny();
    const drawn: DrawnEvent[] = [];
    for await (const event of answerEvents(policy, PROMPT, {
      ...OPTIONS,
      n: 3,
      keepAll: true,
      progress: true,
    })) {
      if (event.kind === "drawn") drawn.push(event);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    const lengths = (index: number): number[] =>
      drawn.filter((event) => event.index === index).map(({ length }) => length);
    for (const index of [0, 1, 2]) {
      expect(lengths(index)).toEqual([...lengths(index)].sort((a, b) => a - b));
      expect(lengths(index).length).toBeLessThan(9);
    }
  });

  it("ends with its reader: what is being drawn is cancelled", async () => {
    const policy = await tiny();
    const { engine } = policy.runtime;
    let live = 0;
    const request = engine.request.bind(engine);
    engine.request = (kind, ...rest) => {
      live += kind === "allocate" ? 1 : kind === "free" ? -1 : 0;
      return request(kind, ...rest);
    };
    for await (const event of answerEvents(policy, PROMPT, { ...OPTIONS, maxTokens: 30, progress: true })) {
      if (event.kind === "drawn" && event.length === 2) break;
    }
    expect(live).toBe(0);
    expect((await answer(policy, PROMPT, OPTIONS)).finished.length).toBeGreaterThan(0);
  });
});

describe("the common beginning of what can still be chosen", () => {
  it.each(["log-likelihood", "majority"])("is one of the choice, and only grows: %s", async (name) => {
    let longest = 0;
    for (let seed = 0; seed < 12; seed++) {
      const standing = candidates(3);
      const seen: string[] = [];
      const options = { ...OPTIONS, n: 3, seed, reward: rewardNamed(name), progress: true };
      for await (const event of answerEvents(wordPolicy(), PROMPT, options)) {
        standing.take(event);
        if (event.kind !== "chosen") seen.push(standing.commonPrefix);
        else {
          for (const [i, prefix] of seen.entries()) {
            expect(event.chosen.text.startsWith(prefix)).toBe(true);
            expect(prefix.startsWith(seen[i - 1] ?? "")).toBe(true);
            longest = Math.max(longest, prefix.length);
          }
          expect(standing.commonPrefix).toBe(event.chosen.text);
          expect(standing.tokens).toBe(event.tokens);
          expect(standing.leader).toMatchObject({ index: event.chosen.index, score: event.score });
        }
      }
    }
    expect(longest).toBeGreaterThan(0);
  });

  it("is that of the texts, in whole characters, and empty while one has not begun", () => {
    const drawn = (index: number, text: string): AnswerEvent => ({
      ...{ kind: "drawn", promptId: "p", index, length: 2, logProb: -1, logProbs: [-1, 0], text },
    });
    const standing = candidates(3);
    standing.take(drawn(0, "Yes, it is 😀"));
    standing.take(drawn(1, "Yes, it is 😁"));
    expect(standing.commonPrefix).toBe("");
    standing.take(drawn(2, "Yes, it\uFFFD"));
    expect(standing.commonPrefix).toBe("Yes, it");
    standing.take({ kind: "dropped", promptId: "p", index: 2, length: 2, logProb: -9 });
    expect(standing.commonPrefix).toBe("Yes, it is ");
    expect([standing.drawing, standing.dropped, standing.finished, standing.tokens]).toEqual([2, 1, 0, 6]);
  });
});

describe("an answer in one call", () => {
  it("has every default, and leaves the model room", async () => {
    const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
    policies.push(policy);
    const text = "4 9 10 13 = 24 :";
    const { chosen, score, finished, open } = await answer(policy, text, { n: 8 });
    expect(score).toBe(sequenceLogProb(chosen));
    expect(finished.length + open).toBe(8);
    const prompt = { id: "prompt", text };
    expect(await answerRoom(policy, prompt)).toBe(64 - policy.encode(text).length - 1);
    expect(await answerRoom(wordPolicy(), prompt)).toBe(512);
    expect(await answerRoom(policy, { id: "long", text: `${"1 ".repeat(90)}=` })).toBe(1);
  });

  it("refuses a prompt among others that is too long before it draws for any", async () => {
    const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
    policies.push(policy);
    const prompts = ["4 9 10 13 = 24 :", `${"1 ".repeat(90)}=`].map((text, at) => ({ id: `p${at}`, text }));
    const events = answerAllEvents(policy, prompts, { n: 2 });
    await expect(events.next()).rejects.toMatchObject({ reason: "prompts-too-long", where: "p1" });
  });

  it("draws from π^α where it is asked to", async () => {
    const power = { method: "power", alpha: 4, moves: 3, blocks: 2, particles: 4 } as const;
    const policy = await tiny();
    const {
      chosen,
      finished,
      power: record,
      tokens,
    } = await answer(policy, PROMPT, { ...OPTIONS, n: 2, power });
    expect(finished.map(({ index }) => index)).toEqual([0, 1]);
    expect(finished).toContainEqual(chosen);
    expect(record).toMatchObject({ tokens });
    expect(record!.acceptance).toBeGreaterThan(0);
    expect((await answer(policy, PROMPT, { maxTokens: 9, power })).finished.length).toBe(1);
  });
});

describe("several prompts", () => {
  it("are each answered as alone, at its own length", async () => {
    const policy = await tiny(4);
    const prompts = [...promptsOf(2), { id: "long", text: `${"1 ".repeat(40)}= 24 :` }];
    const rooms = await Promise.all(prompts.map((prompt) => answerRoom(policy, prompt)));
    expect(rooms[2]).toBeLessThan(rooms[0]!);
    // Which responses are dropped depends on what is drawn beside them; the choice does not.
    const options = { n: 5, seed: 2, keepAll: true };
    const events = await collect(answerAllEvents(policy, prompts, options));
    for (const prompt of prompts) {
      const its = events.find((event) => event.kind === "chosen" && event.promptId === prompt.id);
      expect(its).toEqual(await answer(policy, prompt, options));
    }
  });
});
