import { describe, expect, it } from "vitest";
import { UsageError } from "../../core/errors.js";
import { checkDrawing } from "../capabilities.js";
import type { ServersOptions } from "./connect.js";
import { collect, connect, options, prompts, requests, serve } from "./remote.test-helper.js";
import { NOTHING, type ServerTraits } from "./tiny-server-model.test-helper.js";

describe("the probe", () => {
  const facts = async (traits: ServerTraits, settings: Partial<ServersOptions> = {}) =>
    (await connect([await serve(traits)], settings)).policy.facts;

  it("finds out what a server of vLLM's kind does", async () => {
    expect(await facts({ severalChoices: true })).toMatchObject({
      models: ["tiny"],
      logProbs: "raw",
      greedyRaw: true,
      seeds: "repeat",
      n: "honoured",
      echo: "matches",
      tokenIds: true,
    });
  });

  it("detects what is lacking: n, ids, echo, and an echo that is shifted by one", async () => {
    const found = await facts({ owner: "me", ids: false, echo: "shifted" });
    expect(found).toMatchObject({ n: "ignored", tokenIds: false, echo: "wrong", logProbs: "raw" });
    expect(found.kind.name).toBe("llama-cpp-python");
    expect((await facts({ echo: "refused" })).echo).toBe("none");
    expect((await facts({}, { api: "chat" })).echo).toBe("none");
  });

  it("tells log-probabilities after temperature from raw ones, and refuses what cannot be had at temperature 1", async () => {
    const { policy } = await connect([await serve({ processed: true })]);
    expect(policy.facts.logProbs).toBe("processed");
    expect(() => checkDrawing(policy, 1)).not.toThrow();
    expect(() => checkDrawing(policy, 0.5)).toThrow(
      /^Drawing at temperature 0\.5 needs log-probabilities at temperature 1 whatever temperature draws, which openai:tiny does not have: start vLLM with/,
    );
    await expect(collect(policy.sample(requests(1), { ...options, temperature: 0.5 }))).rejects.toThrow(
      UsageError,
    );
  });

  it("refuses a model that is not there, and one without log-probabilities", async () => {
    const server = await serve();
    await expect(connect([server], { model: "huge" })).rejects.toThrow(
      /does not have the model huge; it has tiny\./,
    );
    server.misdeeds.push("null log-probabilities");
    await expect(connect([server])).rejects.toThrow(/gives no log-probabilities of its tokens/);
  });
});

describe("what a server cannot do", () => {
  it("leaves token ids out, and refuses to score where the echo is wrong", async () => {
    const { policy } = await connect([
      await serve({ owner: "me", ids: false, echo: "shifted", endToken: false }),
    ]);
    const drawn = await collect(policy.sample(requests(4), options));
    expect(drawn.every(({ tokens, certainties }) => tokens.length === 0 && certainties === undefined)).toBe(
      true,
    );
    expect(drawn.some(({ logProbs }) => logProbs.length > 0)).toBe(true);
    await expect(policy.logProb([{ prompt: prompts[0]!, tokens: [1] }])).rejects.toThrow(
      /^Scoring a given response needs .*: the log-probabilities that its servers echo are not those of generation/,
    );
  });

  it("gives an empty response what the first tokens leave to its end, where the end token is not reported", async () => {
    const traits = { owner: "me", ids: false } as const;
    const [silent, telling] = [
      await connect([await serve({ ...traits, endToken: false })]),
      await connect([await serve(traits)]),
    ];
    const asked = Array.from({ length: 12 }, (_, index) => ({ prompt: { id: "x", text: NOTHING }, index }));
    const drawn = await collect(silent.policy.sample(asked, options));
    const told = await collect(telling.policy.sample(asked, options));
    const empty = drawn.flatMap(({ text }, at) => (text === "" ? [at] : []));
    expect(empty.length).toBeGreaterThan(2);
    for (const at of empty) expect(drawn[at]!.logProbs[0]).toBeCloseTo(told[at]!.logProbs[0]!, 9);
  });

  it("draws through chat as well, with log-probabilities in its form", async () => {
    const server = await serve();
    const text = await connect([server]);
    const chat = await connect([server], { api: "chat" });
    expect(await collect(chat.policy.sample(requests(3), options))).toEqual(
      await collect(text.policy.sample(requests(3), options)),
    );
    const first = await chat.policy.firstTokens(prompts[0]!);
    expect(first.length).toBeGreaterThan(2);
    expect(first.map(({ logProb }) => logProb)).toEqual(
      first.map(({ logProb }) => logProb).sort((a, b) => b - a),
    );
    expect(first.reduce((sum, { logProb }) => sum + Math.exp(logProb), 0)).toBeCloseTo(1, 9);
  });
});
