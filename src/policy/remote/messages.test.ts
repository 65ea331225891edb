import { expect, it } from "vitest";
import { UsageError } from "../../core/errors.js";
import type { Prompt } from "../policy.js";
import { collect, connect, options, serve } from "./remote.test-helper.js";

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Grass?" },
  { role: "assistant", content: "Green." },
  { role: "user", content: "The sky?" },
];
const prompt: Prompt = { id: "x", text: "shown to people alone", messages };
const requests = [0, 1, 2].map((index) => ({ prompt, index }));

it("a chat route gets the whole conversation, and a prompt's text as the user's message", async () => {
  const server = await serve();
  const { policy } = await connect([server], { api: "chat" });
  expect(policy.can.messages).toBe(true);
  server.asked.length = 0;
  await collect(policy.sample(requests, options));
  await collect(policy.greedy([prompt], { maxTokens: 4 }));
  expect(server.asked.map((ask) => ask.messages)).toEqual(Array.from({ length: 4 }, () => messages));
  await collect(policy.greedy([{ id: "y", text: "Snow?" }], { maxTokens: 4 }));
  expect(server.asked.at(-1)!.messages).toEqual([{ role: "user", content: "Snow?" }]);
});

it("the texts that end a response are asked for of a greedy one, too", async () => {
  const server = await serve();
  const { policy } = await connect([server], { api: "chat" });
  server.asked.length = 0;
  const own = { greedy: true, stop: [" sky"] };
  await collect(policy.sample([{ prompt, index: 0, options: own }], options));
  expect(server.asked.map(({ temperature, stop }) => [temperature, stop])).toEqual([[0, [" sky"]]]);
});

it("a route of completions gets a conversation as the chat template's text, where that is known", async () => {
  const server = await serve();
  const render = (turns: typeof messages): Promise<string> =>
    Promise.resolve(turns.map(({ role, content }) => `<${role}>${content}`).join(""));
  const { policy } = await connect([server], { render: (turns) => render([...turns]) });
  expect(policy.can.messages).toBe(true);
  const drawn = await collect(policy.sample(requests, options));
  const text = "<system>Be brief.<user>Grass?<assistant>Green.<user>The sky?";
  expect(server.asked.at(-1)!.prompt).toBe(text);
  const asText = requests.map(({ index }) => ({ prompt: { id: "x", text }, index }));
  expect(await collect(policy.sample(asText, options))).toEqual(drawn);
  const tokens = drawn[0]!.tokens;
  expect(await policy.logProb([{ prompt, tokens }])).toEqual(
    await policy.logProb([{ prompt: { id: "x", text }, tokens }]),
  );
});

it("elsewhere it is one sentence with the remedy, before anything is asked", async () => {
  const server = await serve();
  const { policy } = await connect([server]);
  expect(policy.can.messages).toBe(false);
  const asked = server.asked.length;
  const drawn = collect(policy.sample(requests, options));
  await expect(drawn).rejects.toThrow(UsageError);
  await expect(drawn).rejects.toThrow(
    /^The conversation of the prompt "x" needs a chat template or a chat route, which openai:tiny does not have: use the chat route, or give the prompt as plain text\.$/,
  );
  expect(server.asked.length).toBe(asked);
});
