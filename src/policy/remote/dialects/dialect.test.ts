import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UsageError } from "../../../core/errors.js";
import { collect, connect, options, requests, serve } from "../remote.test-helper.js";
import { RemotePolicy } from "../remote-policy.js";
import { TinyServerModel, type AskedBody, type Drawn } from "../tiny-server-model.test-helper.js";
import type { Choice, Dialect, StreamReader } from "./dialect.js";

/** A reply of the protocol below: words with their log-probabilities, and why there are no more. */
interface Spoken {
  readonly words: readonly (readonly [word: string, logProb: number, likeliest: [string, number][]])[];
  readonly over?: "said all" | "out of breath";
  readonly price?: readonly [number, number];
}

/** A protocol unlike OpenAI's in every field, in one file, as CONTRIBUTING's recipe has it. */
const spoken: Dialect = {
  name: "spoken",
  description: "a protocol of the tests",
  takes: "text",
  echoes: false,
  path: "/speak",
  streaming: { slowly: true },
  body: (model, _, { prompt, maxTokens, temperature, seed, top = 1 }) => ({
    who: model,
    after: "text" in prompt ? prompt.text : "",
    breath: maxTokens,
    heat: temperature,
    dice: seed,
    likeliest: top,
  }),
  choices: (body) => [choiceOf(body as Spoken)],
  count: () => 1,
  model: () => undefined,
  error: (body) => (body as { readonly sorry?: string }).sorry,
  tokensUsed: (body) => {
    const [prompt, completion] = (body as Spoken).price ?? [0, 0];
    return { prompt, completion };
  },
  promptIds: () => undefined,
  stream: (): StreamReader => {
    const words: Spoken["words"][number][] = [];
    let over: Spoken["over"];
    return {
      get finished() {
        return over !== undefined;
      },
      get logProbs() {
        return words.map(([, logProb]) => logProb);
      },
      get text() {
        return words.map(([word]) => word).join("");
      },
      add: (event) => {
        words.push(...(event as Spoken).words);
        over ??= (event as Spoken).over;
      },
      body: () => ({ words, over }),
    };
  },
};

function choiceOf({ words, over }: Spoken): Choice {
  return {
    text: words.map(([word]) => word).join(""),
    finish: over && { "said all": "stop", "out of breath": "length" }[over],
    entries: words.map(([piece, logProb, likeliest]) => ({
      piece,
      logProb,
      id: undefined,
      top: likeliest.map(([text, value]) => ({ text, logProb: value })),
    })),
  };
}

const model = new TinyServerModel({});
const server = createServer((request, response) => {
  void (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url !== "/v1/speak") return void response.writeHead(404).end();
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string & number>;
    const ask: AskedBody = {
      model: asked["who"]!,
      prompt: asked["after"]!,
      max_tokens: asked["breath"]!,
      temperature: asked["heat"]!,
      seed: asked["dice"]!,
      logprobs: asked["likeliest"]!,
    };
    const drawn = model.draw(ask, model.wordsOf(ask).join(""));
    const over = drawn.finish === "stop" ? "said all" : "out of breath";
    const words = wordsOf(drawn);
    if (!asked["slowly"]) return void response.end(JSON.stringify({ words, over, price: [1, words.length] }));
    for (const word of words) response.write(`data: ${JSON.stringify({ words: [word] })}\n\n`);
    response.end(`data: ${JSON.stringify({ words: [], over })}\n\ndata: [DONE]\n\n`);
  })();
});

function wordsOf({ words, logProbs, top }: Drawn): Spoken["words"] {
  return words.map((word, at) => [
    word,
    logProbs[at]!,
    Object.entries(top[at] ?? {}).sort(([, a], [, b]) => b - a),
  ]);
}

let url = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it.each([false, true])(
  "another protocol is one object: the same model says the same through it (stream: %s)",
  async (stream) => {
    const policy = await RemotePolicy.connect({ model: "tiny", baseUrls: [url], api: spoken, stream });
    expect(policy.facts).toMatchObject({ logProbs: "raw", greedyRaw: true, seeds: "repeat", echo: "none" });
    const usual = (await connect([await serve({ ids: false })])).policy;
    const drawn = await collect(policy.sample(requests(5), options));
    expect(drawn).toEqual(await collect(usual.sample(requests(5), options)));
    expect(drawn.some(({ finish }) => finish === "stop")).toBe(true);
    expect(policy.served.settings["api"]).toBe("spoken");
    await policy.dispose();
  },
);

it("a protocol that is not there is refused with those that are", async () => {
  const connected = RemotePolicy.connect({ model: "tiny", baseUrls: [url], api: "sung" });
  await expect(connected).rejects.toThrow(UsageError);
  await expect(connected).rejects.toThrow(/^There is no protocol "sung": choose one of chat, completions\.$/);
});
