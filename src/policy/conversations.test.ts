import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import type { Model } from "../transformer/model.js";
import { randomModel } from "../transformer/tiny-models.test-helper.js";
import { LocalPolicy } from "./local-policy.js";
import { conversationText, promptIdentity, type Message, type Prompt, type Response } from "./policy.js";

const TEMPLATE =
  "{% for m in messages %}{{ m.role }} says {{ m.content }} {% endfor %}{% if add_generation_prompt %}now{% endif %}";
const rendered = (messages: readonly Message[]): string =>
  `${messages.map(({ role, content }) => `${role} says ${content} `).join("")}now`;

const conversations: readonly Prompt[] = [
  [{ role: "user", content: "the sky" }],
  [
    { role: "system", content: "be kind" },
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
    { role: "user", content: "c" },
  ],
].map((messages, at) => ({ id: `p${at}`, text: conversationText(messages), messages }));
/** What the template makes of them, as text. */
const texts = conversations.map(({ id, messages }) => ({ id, text: rendered(messages!) }));

let plain: Model;
let policy: LocalPolicy;
beforeAll(async () => {
  const model = await randomModel();
  const withTemplate = (chatTemplate: string | undefined): Model => ({
    ...model,
    tokenizer: Object.assign(Object.create(model.tokenizer) as Model["tokenizer"], { chatTemplate }),
  });
  plain = withTemplate(undefined);
  policy = LocalPolicy.of(withTemplate(TEMPLATE), { threads: 1, rows: 8 });
});
afterAll(() => policy.dispose());

const options = { temperature: 1, maxTokens: 6, seed: 4 };
const requests = (prompts: readonly Prompt[]) =>
  prompts.flatMap((prompt) => [0, 1, 2].map((index) => ({ prompt, index })));

async function collect(responses: AsyncIterable<Response>): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of responses) all.push(response);
  return all.sort((a, b) => a.promptId.localeCompare(b.promptId) || a.index - b.index);
}

describe("a conversation", () => {
  it("draws what its chat template's text draws, from a list or in time, and greedily", async () => {
    expect(policy.can.messages).toBe(true);
    const wanted = await collect(policy.sample(requests(texts), options));
    expect(await collect(policy.sample(requests(conversations), options))).toEqual(wanted);
    async function* inTime() {
      await Promise.resolve();
      yield* requests(conversations);
    }
    expect(await collect(policy.sample(inTime(), options))).toEqual(wanted);
    expect(await collect(policy.greedy(conversations, { maxTokens: 6 }))).toEqual(
      await collect(policy.greedy(texts, { maxTokens: 6 })),
    );
  });

  it("is scored and measured in tokens as that text", async () => {
    const tokens = [5, 6, 7];
    const of = (prompts: readonly Prompt[]) => policy.logProb(prompts.map((prompt) => ({ prompt, tokens })));
    expect(await of(conversations)).toEqual(await of(texts));
    for (const [at, prompt] of conversations.entries())
      expect(await policy.promptTokens(prompt)).toEqual(await policy.promptTokens(texts[at]!));
  });

  it("has to be prepared before a list that is made as it is read, and is not the same prompt as its words", async () => {
    const fresh: Prompt = { id: "new", text: "x", messages: [{ role: "user", content: "x" }] };
    function* lazily() {
      yield { prompt: fresh, index: 0 };
    }
    await expect(collect(policy.sample(lazily(), options))).rejects.toThrow(
      /^The conversation of the prompt "new" has not been put into text: await promptTokens\(prompt\)/,
    );
    await policy.promptTokens(fresh);
    expect(await collect(policy.sample(lazily(), options))).toHaveLength(1);
    expect(promptIdentity(fresh)).not.toBe(promptIdentity({ text: "x" }));
    expect(promptIdentity(fresh)).toBe(
      promptIdentity({ text: "shown otherwise", messages: fresh.messages! }),
    );
  });

  it("is refused by a model without a chat template, with what to do", async () => {
    const base = LocalPolicy.of(plain, { threads: 1, rows: 8 });
    expect(base.can.messages).toBe(false);
    const drawn = collect(base.sample(requests(conversations), options));
    await expect(drawn).rejects.toThrow(UsageError);
    await expect(drawn).rejects.toThrow(
      /^The prompt "p0" is a conversation, but .* has no chat template to put it into text: use a chat model, or give the prompt as plain text\.$/,
    );
    await base.dispose();
  });
});
