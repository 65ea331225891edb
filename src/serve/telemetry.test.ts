import { expect, it } from "vitest";
import { wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import type { LogLine } from "./request-log.js";
import { servePolicy } from "./serve.test-helper.js";
import type { TelemetryApi } from "./telemetry.js";

/** Spans as they end, each with what it was told. */
function recorded(): {
  api: TelemetryApi;
  ended: { name: string; attributes: object; code?: number; parent: unknown }[];
} {
  const ended: { name: string; attributes: object; code?: number; parent: unknown }[] = [];
  const api: TelemetryApi = {
    trace: {
      getTracer: () => ({
        startSpan: (name, { attributes }, parent) => {
          const span: (typeof ended)[number] = { name, attributes, parent };
          return {
            updateName: (other) => (span.name = other),
            setAttributes: (more) => (span.attributes = { ...span.attributes, ...more }),
            setStatus: ({ code }) => (span.code = code),
            end: () => void ended.push(span),
          };
        },
      }),
    },
    context: { active: () => "root" },
    propagation: { extract: (_, headers, getter) => getter.get(headers, "traceparent") ?? "root" },
  };
  return { api, ended };
}

it("makes a span of each request, without its texts", async () => {
  const { api, ended } = recorded();
  const { client, url } = await servePolicy(wordPolicy(), { telemetry: api });
  const body = { model: "words", prompt: "a secret", best_of: 3, seed: 1 };
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const reply = await client.completions.create(body, { headers: { traceparent: parent } });
  for await (const _ of await client.completions.create({ ...body, stream: true }));
  await fetch(`${url}/v1/nothing`);
  const asked = { "gen_ai.request.model": "words", "whetstone.best_of": 3, "http.response.status_code": 200 };
  const used = { "gen_ai.usage.output_tokens": reply.usage!.completion_tokens };
  expect(ended).toMatchObject([
    { name: "POST /v1/completions", parent, attributes: { ...asked, ...used, "whetstone.stream": false } },
    {
      name: "POST /v1/completions",
      parent: "root",
      attributes: { ...asked, ...used, "whetstone.stream": true },
    },
    {
      name: "GET none",
      attributes: { "http.response.status_code": 404, "error.type": "not_found" },
      code: 2,
    },
  ]);
  expect(JSON.stringify(ended)).not.toContain("secret");
});

it("the log has texts only where that is asked for", async () => {
  for (const logTexts of [false, true]) {
    const lines: LogLine[] = [];
    const { client } = await servePolicy(wordPolicy(), { logTexts, log: (line) => lines.push(line) });
    const body = { model: "words", prompt: ["prompt", "prompt"], seed: 1 };
    const { choices } = await client.completions.create(body);
    const answers = choices.map(({ text }) => text);
    expect(lines[0]).toMatchObject({ prompts: 2, status: 200 });
    expect([lines[0]!.prompt, lines[0]!.answer]).toEqual(
      logTexts ? [["prompt", "prompt"], answers] : [undefined, undefined],
    );
  }
});
