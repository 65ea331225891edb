import { afterAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { modelFolder } from "../../src/policy/model-folder.js";
import type { Policy, Response } from "../../src/policy/policy.js";
import { RemotePolicy } from "../../src/policy/remote/remote-policy.js";
import { collect } from "../../src/policy/remote/remote.test-helper.js";
import { sampleSeed } from "../../src/policy/remote/sample-seed.js";
import { servePolicy } from "../../src/serve/serve.test-helper.js";
import { SharedPolicy } from "../../src/serve/shared-policy.js";

const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
afterAll(() => policy.dispose());

const prompts = ["4 9 10 13 = 24 :", "1 2 3 4 = 24 :"].map((text, at) => ({ id: `p${at}`, text }));
const options = { temperature: 0.7, maxTokens: 20, seed: 5 };
const asked = prompts.flatMap((prompt) => [0, 1, 2].map((index) => ({ prompt, index })));

/** What the model itself draws where the server draws it: of one prompt, by the seed that a sample is asked for with. */
async function own(policy: Policy): Promise<Response[]> {
  const drawn = asked.map(async ({ prompt: { id, text }, index }) => {
    const request = { prompt: { id: "prompt", text }, index: 0 };
    const seed = sampleSeed(options.seed, id, index);
    const [response] = await collect(policy.sample([request], { ...options, seed }));
    return { ...response!, promptId: id, index };
  });
  return Promise.all(drawn);
}

const told = ({ promptId, index, text, logProbs, finish }: Response): object => ({
  ...{ promptId, index, text, logProbs, finish },
});

describe("whetstone's own client", () => {
  it.each([
    ["completions", false],
    ["chat", true],
  ] as const)("draws what the model draws, to the bit: %s, streamed %s", async (api, stream) => {
    const { url } = await servePolicy(policy);
    const remote = await RemotePolicy.connect({ model: "game24", baseUrls: [`${url}/v1`], api, stream });
    expect(remote.facts).toMatchObject({
      ...{ kind: { name: "whetstone" }, logProbs: "raw", greedyRaw: true, seeds: "repeat" },
    });
    expect(remote.facts.fingerprint).toHaveLength(5);
    const drawn = await collect(remote.sample(asked, options));
    expect(drawn.map(told)).toEqual((await own(policy)).map(told));
    const greedy = await collect(remote.greedy(prompts, { maxTokens: 20 }));
    const local = await collect(policy.greedy(prompts, { maxTokens: 20 }));
    expect(greedy.map(({ text }) => text)).toEqual(local.map(({ text }) => text));
    // The server draws them by the graph that has a temperature, which rounds otherwise.
    greedy.forEach(({ logProbs }, i) => {
      expect(logProbs).toHaveLength(local[i]!.logProbs.length);
      logProbs.forEach((value, at) => expect(value).toBeCloseTo(local[i]!.logProbs[at]!, 4));
    });
    const pieces = remote.pieces(drawn[0]!)!;
    expect(pieces.join("")).toBe(drawn[0]!.text);
    await remote.dispose();
  });

  it("draws where the drawn tokens alone are told", async () => {
    const lent = new SharedPolicy(policy).caller();
    const { url } = await servePolicy({ ...lent, can: { ...policy.can, likeliest: 0 } });
    const remote = await RemotePolicy.connect({ model: "game24", baseUrls: [`${url}/v1`], api: "chat" });
    expect(remote.facts).toMatchObject({ logProbs: "raw", greedyRaw: true, seeds: "repeat" });
    const drawn = await collect(remote.sample(asked.slice(0, 1), options));
    expect(drawn.map(told)).toEqual((await own(policy)).slice(0, 1).map(told));
    await remote.dispose();
  });
});
