import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InterruptedError } from "../../core/errors.js";
import { Inbox } from "../../core/inbox.js";
import { hash32 } from "../../core/random.js";
import type { Runtime } from "../runtime.js";
import { collect } from "../tiny-models.test-helper.js";
import {
  arrivalsRuntime,
  byTag,
  drawAlone,
  drawAmongStrangers,
  request,
  samplesOfEight,
  SAMPLING,
  soak,
  until,
  type Settings,
} from "./arrivals.test-helper.js";
import type { Draw, DrawRequest } from "./draw-request.js";
import { watchBuffers } from "./watch-buffers.test-helper.js";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await arrivalsRuntime(1);
});
afterAll(() => runtime.dispose());

describe("a response, to the bit of its log-probabilities,", () => {
  // 200 of them, with two threads, are drawn so in test/models/arrivals.test.ts.
  const OWN = samplesOfEight(7);
  let together: Draw<string>[];
  beforeAll(async () => {
    together = byTag(await collect(runtime.draw(OWN, SAMPLING)));
    expect(together.length).toBe(OWN.length);
    expect(new Set(together.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(10);
  });

  test("is the same alone", async () => {
    expect(await drawAlone(runtime, OWN)).toEqual(together);
  });

  test("is the same when it comes in time, in any order", async () => {
    async function* shuffled(): AsyncGenerator<DrawRequest<string>> {
      for (const each of [...OWN].sort((a, b) => hash32(a.tag) - hash32(b.tag))) {
        await Promise.resolve();
        yield each;
      }
    }
    expect(byTag(await collect(runtime.draw(shuffled(), SAMPLING)))).toEqual(together);
  });

  test("is the same among strangers' that come and go", async () => {
    expect(await drawAmongStrangers(runtime, OWN)).toEqual(together);
  });
});

test("two hundred requests, 30 % of them cancelled at any moment, leave nothing behind", async () => {
  await soak(runtime, 200);
});

describe("a batch", () => {
  test("has one row for a response that is alone, where that is asked for, and the rows that all have once others come", async () => {
    const expected = byTag(
      await collect(
        runtime.draw(
          [0, 1, 2].map((p) => request(p, 0)),
          SAMPLING,
        ),
      ),
    );
    const inbox = new Inbox<DrawRequest<string>>();
    let joined = false;
    const watch: Settings["watch"] = (_, { tokens }) => {
      if (joined || tokens.length < 3) return;
      joined = true;
      for (const p of [1, 2]) inbox.push(request(p, 0));
      inbox.end();
    };
    inbox.push(request(0, 0, { watch }));
    const buffers = watchBuffers(runtime.engine);
    const found = byTag(await collect(runtime.draw(inbox, { ...SAMPLING, lone: true })));
    expect(buffers.rows.slice(0, 3)).toEqual([1, 1, 1]);
    expect(buffers.rows[3]).toBeGreaterThanOrEqual(4);
    found.forEach(({ tag, tokens, logProbs }, i) => {
      expect(tag).toBe(expected[i]!.tag);
      expect(tokens).toEqual(expected[i]!.tokens);
      logProbs.forEach((value, t) => expect(Math.abs(value - expected[i]!.logProbs[t]!)).toBeLessThan(1e-4));
    });
    expect(buffers.live).toBe(0);
  });

  test("takes in a request at the next step, for which it grows", async () => {
    const watch = watchBuffers(runtime.engine);
    const inbox = new Inbox<DrawRequest<string>>();
    const order: string[] = [];
    const watcher: Settings = {
      watch: (tag, { tokens }) => {
        order.push(`${tag} ${tokens.length}`);
        if (tag === "0/0" && tokens.length === 3) {
          for (let p = 1; p <= 6; p++)
            inbox.push(request(p, 0, { watch: (other, row) => order.push(`${other} ${row.tokens.length}`) }));
          inbox.end();
        }
      },
      maxTokens: 60,
    };
    inbox.push(request(0, 0, watcher));
    await collect(runtime.draw(inbox, { ...SAMPLING, rows: 24 }));
    const at = order.indexOf("0/0 4");
    expect(order.slice(at, at + 12).filter((line) => line.endsWith(" 1")).length).toBeGreaterThanOrEqual(4);
    expect(watch.rows[0]).toBe(4);
    expect(Math.max(...watch.rows)).toBeGreaterThanOrEqual(14);
    expect(watch.live).toBe(0);
  });

  test("lets a prompt in that comes while another holds all groups", async () => {
    const drawn: string[] = [];
    async function* source(): AsyncGenerator<DrawRequest<string>> {
      let other = false;
      for (let index = 0; index < 200; index++) {
        await Promise.resolve();
        yield request(3, index);
        if (drawn.length < 10 || other) continue;
        other = true;
        yield request(5, 0);
      }
    }
    for await (const { tag } of runtime.draw(source(), SAMPLING)) drawn.push(tag);
    expect(drawn.length).toBe(201);
    // It waits for one of the groups, not for all 200.
    expect(drawn.indexOf("5/0")).toBeLessThan(100);
  });

  test("holds nothing while there is nothing to draw, and the signal ends the wait", async () => {
    const watch = watchBuffers(runtime.engine);
    const inbox = new Inbox<DrawRequest<string>>();
    const stop = new AbortController();
    inbox.push(request(0, 0));
    const draws = runtime.draw(inbox, { ...SAMPLING, signal: stop.signal });
    expect((await draws.next()).done).toBe(false);
    const next = draws.next();
    await until(() => watch.live === 0);
    expect(watch.made).toBeGreaterThan(0);
    stop.abort();
    await expect(next).rejects.toThrow(InterruptedError);
    expect(inbox.closed).toBe(true);
  });

  test("of all temperatures draws each at its own", async () => {
    const temperatures = [0.3, 1, 1.7];
    const requests = temperatures.flatMap((temperature, t) =>
      [0, 1, 2].map((index) => ({ ...request(4, index, { temperature }), tag: `${t} ${index}` })),
    );
    const mixed = byTag(await collect(runtime.draw(requests, SAMPLING)));
    for (const [t, temperature] of temperatures.entries()) {
      const alone = [0, 1, 2].map((index) => ({ ...request(4, index), tag: `${t} ${index}` }));
      expect(mixed.filter(({ tag }) => tag.startsWith(`${t} `))).toEqual(
        byTag(await collect(runtime.draw(alone, { ...SAMPLING, temperature }))),
      );
    }
  });
});
