import type OpenAI from "openai";
import { afterAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../policy/local-policy.js";
import { modelFolder } from "../policy/model-folder.js";
import { servePolicy, whetstoneOf } from "./serve.test-helper.js";

const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
afterAll(() => policy.dispose());

const TEXT = "4 9 10 13 = 24 :";
const body = { model: "game24:best-of-6", input: TEXT, whetstone: { return: "scores" } };

describe("the responses route", () => {
  it("answers as chat does with the same seed, whole and streamed, in OpenAI's own client", async () => {
    const { client } = await servePolicy(policy);
    const seed = { seed: 3 };
    const chat = await client.chat.completions.create({
      ...{ model: body.model, messages: [{ role: "user", content: TEXT }], ...seed },
    });
    const text = chat.choices[0]!.message.content!;
    const whole = await client.responses.create({ ...body, ...seed });
    expect(whole).toMatchObject({
      ...{ object: "response", status: "completed", output_text: text, store: false },
      usage: {
        input_tokens: chat.usage!.prompt_tokens,
        output_tokens: chat.usage!.completion_tokens,
        total_tokens: chat.usage!.total_tokens,
      },
    });
    expect(whetstoneOf(whole).candidates).toHaveLength(6);
    const parts = [{ role: "user" as const, content: [{ type: "input_text" as const, text: TEXT }] }];
    expect((await client.responses.create({ ...body, ...seed, input: parts })).output_text).toBe(text);

    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    const stream = client.responses.stream({ ...body, ...seed });
    for await (const event of stream) events.push(event);
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(text);
    const deltas = events.flatMap((event) =>
      event.type === "response.output_text.delta" ? [event.delta] : [],
    );
    expect(deltas.join("")).toBe(text);
    expect(events.map(({ sequence_number: at }) => at)).toEqual(events.map((_, at) => at));
    expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { usage: whole.usage } });
  });

  it("tells a response that was cut", async () => {
    const { client } = await servePolicy(policy);
    const cut = await client.responses.create({ ...body, max_output_tokens: 3 });
    expect(cut).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
  });

  it.each<[object, string]>([
    [{ previous_response_id: "resp_1" }, "previous_response_id"],
    [{ background: true }, "background"],
    [{ tools: [{ type: "web_search" }] }, "tools"],
    [{ text: { format: { type: "json_object" } } }, "text"],
    [{ instructions: "Be brief." }, "messages"],
    [{ input: [{ role: "user", content: [{ type: "input_image" }] }] }, "input.0.content"],
    [{ n: 2 }, "n"],
  ])("refuses what it does not do, by name: %j", async (more, param) => {
    const { client } = await servePolicy(policy);
    const failed = client.responses.create({ ...body, ...more });
    await expect(failed).rejects.toMatchObject({ status: 400, param });
  });
});

describe("beside the answers", () => {
  it("metrics count requests, tokens and candidates", async () => {
    const { client, url } = await servePolicy(policy);
    const reply = await client.chat.completions.create({
      ...{ model: "game24", messages: [{ role: "user", content: TEXT }] },
    });
    await client.models.retrieve("no-such-model").catch(() => undefined);
    const told = await (await fetch(`${url}/metrics`)).text();
    for (const line of [
      'whetstone_requests_total{route="/v1/chat/completions",status="200"} 1',
      'whetstone_requests_total{route="/v1/models/:id{.+}",status="404"} 1',
      'whetstone_candidates_total{reward="length-normalized"} 4',
      `whetstone_tokens_total{kind="drawn"} ${reply.usage!.completion_tokens}`,
      `whetstone_tokens_total{kind="prompt"} ${reply.usage!.prompt_tokens}`,
      "whetstone_requests_answering 0",
      "whetstone_candidates_drawing 0",
      'whetstone_request_seconds_count{route="/v1/chat/completions"} 1',
    ])
      expect(told.split("\n")).toContain(line);
  });

  it("the description names every route, and every field that is taken", async () => {
    const { url } = await servePolicy(policy);
    const description = (await (await fetch(`${url}/openapi.json`)).json()) as {
      paths: Record<string, { post?: { requestBody: { content: Record<string, { schema: object }> } } }>;
    };
    expect(Object.keys(description.paths)).toEqual([
      "/v1/chat/completions",
      "/v1/completions",
      "/v1/responses",
      "/api/race",
      "/",
      "/v1/models",
      "/health",
      "/ready",
      "/metrics",
      "/openapi.json",
    ]);
    for (const [path, { post }] of Object.entries(description.paths))
      if (!post) expect((await fetch(url + path)).status).toBe(200);
    expect(
      description.paths["/v1/chat/completions"]!.post!.requestBody.content["application/json"]!.schema,
    ).toMatchObject({
      required: ["model", "messages"],
      additionalProperties: false,
      properties: {
        best_of: {},
        whetstone: { anyOf: [{ properties: { reward: {}, deadline_ms: {} } }, {}] },
      },
    });
  });
});
