import { afterAll, describe, expect, it } from "vitest";
import { FrameReader } from "../page/race/event-stream.js";
import type { RaceFrame } from "../page/race/frames.js";
import { afterFrames, newRace } from "../page/race/state.js";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import { sequenceLogProb } from "../policy/policy.js";
import { rewardNamed } from "../reward/registry.js";
import { answer } from "../sharpen/answer.js";
import { servePolicy } from "./serve.test-helper.js";

const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
afterAll(() => policy.dispose());
const PROMPT = "4 9 10 13 = 24 :";

async function race(
  url: string,
  body: object,
  headers = {},
): Promise<{ status: number; frames: RaceFrame[] }> {
  const reply = await fetch(`${url}/api/race`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: reply.status, frames: new FrameReader().take(await reply.text()) };
}

describe("a race", () => {
  it("shows every candidate to its end, and chooses as `answer` does", async () => {
    const { url } = await servePolicy(policy);
    const asked = { prompt: PROMPT, best_of: 4, seed: 3, reward: "log-likelihood", early_stop: false };
    const { frames } = await race(url, asked);
    const { chosen, finished, scores } = await answer(policy, PROMPT, {
      ...{ n: 4, seed: 3, keepAll: true },
      reward: rewardNamed("log-likelihood"),
    });
    const shown = afterFrames(newRace(4), frames);
    expect(shown.chosen!.c).toBe(chosen.index);
    expect(shown.chosen!.why.scores.map(({ score }) => score)).toEqual(scores);
    for (const response of finished) {
      const lane = shown.lanes[response.index]!;
      expect(lane.pieces.map(({ text }) => text).join("")).toBe(response.text);
      expect(lane.pieces.reduce((sum, { tokens }) => sum + tokens, 0)).toBeGreaterThan(0);
      expect(lane.sum).toBeCloseTo(sequenceLogProb(response), 3);
      expect(lane.path.at(-1)![0]).toBe(response.logProbs.length);
      // A thousandth a token, at most, is rounded away.
      const told = frames.flatMap((f) =>
        (f.kind === "token" || f.kind === "finished") && f.c === lane.c ? f.lp : [],
      );
      expect(told).toHaveLength(response.logProbs.length);
    }
    const others = new Map(shown.chosen!.why.others.map(({ reward, c }) => [reward, c]));
    for (const name of ["majority", "self-certainty"]) {
      const its = await answer(policy, PROMPT, { n: 4, seed: 3, keepAll: true, reward: rewardNamed(name) });
      expect([name, others.get(name)]).toEqual([name, its.chosen.index]);
    }
    expect(others.has("judge")).toBe(false);
  });

  it("drops losers at once where asked, with the same choice, and tells by whose bound", async () => {
    const { url } = await servePolicy(policy);
    const asked = { prompt: PROMPT, best_of: 12, seed: 4, reward: "log-likelihood", temperature: 2 };
    const [all, dropped] = [
      await race(url, { ...asked, early_stop: false }),
      await race(url, { ...asked, early_stop: true }),
    ];
    const chosen = ({ frames }: typeof all) => frames.flatMap((f) => (f.kind === "chosen" ? [f] : []))[0]!;
    expect(chosen(dropped).c).toBe(chosen(all).c);
    expect(chosen(all).why.whole).toBe(12);
    for (const { frames } of [all, dropped]) {
      const out = frames.flatMap((f) => (f.kind === "pruned" ? [f] : []));
      for (const { c, most, bound, by } of out) {
        expect(c).not.toBe(chosen(all).c);
        expect(most!).toBeLessThan(bound!);
        expect(by).toBeGreaterThanOrEqual(0);
      }
    }
    const pruned = dropped.frames.filter(({ kind }) => kind === "pruned").length;
    expect(chosen(dropped).why.whole).toBe(12 - pruned);
  });

  it("refuses what it does not know, and whoever has no key", async () => {
    const { url } = await servePolicy(policy, { keys: ["a-key-of-this-server"] });
    const body = { prompt: PROMPT };
    expect((await race(url, body)).status).toBe(401);
    const authorization = "Bearer a-key-of-this-server";
    expect((await race(url, { ...body, reward: "best" }, { authorization })).status).toBe(400);
    expect((await race(url, { ...body, nonsense: 1 }, { authorization })).status).toBe(400);
    expect((await race(url, { ...body, best_of: 65 }, { authorization })).status).toBe(400);
    expect((await race(url, { prompt: "" }, { authorization })).status).toBe(400);
  });
});

describe("the page", () => {
  it("is there without a key, with its policy, and names the model and its rewards", async () => {
    const { url } = await servePolicy(policy, { keys: ["a-key-of-this-server"] });
    const reply = await fetch(url);
    const markup = await reply.text();
    expect(reply.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; .*script-src 'self' 'sha256-\S+'; connect-src 'self'; .*frame-ancestors 'none'$/,
    );
    const settings = JSON.parse(/id="settings">(.*?)<\/script>/.exec(markup)![1]!) as Record<string, unknown>;
    expect(settings).toMatchObject({
      model: policy.name,
      bestOf: 4,
      reward: "length-normalized",
      needsKey: true,
      runs: false,
    });
    expect(markup).toContain("<option");
  });

  it("gives out the modules that it runs, and no other file", async () => {
    const { url } = await servePolicy(policy);
    const preact = await fetch(`${url}/app/packages/preact.js`);
    expect(preact.headers.get("content-type")).toMatch(/^text\/javascript/);
    expect(await preact.text()).toContain("export");
    const tag = preact.headers.get("etag")!;
    expect((await fetch(`${url}/app/packages/preact.js`, { headers: { "if-none-match": tag } })).status).toBe(
      304,
    );
    for (const path of [
      "serve/server.js",
      "page/../serve/server.js",
      "page/%2e%2e/serve/app.js",
      "packages/zod.js",
    ])
      expect((await fetch(`${url}/app/${path}`)).status).toBe(404);
  });

  it("may ask its own server, and a page of another place may not", async () => {
    const { url } = await servePolicy(policy);
    const body = { prompt: PROMPT, best_of: 1 };
    expect((await race(url, body, { origin: url })).status).toBe(200);
    expect((await race(url, body, { origin: "http://127.0.0.1:1" })).status).toBe(403);
    expect((await race(url, body, { origin: "http://evil.example" })).status).toBe(403);
  });
});
