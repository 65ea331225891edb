import { z } from "zod";
import type { Choice, Dialect, Entry } from "./dialect.js";
import { choicesReader, commonFields, OPENAI, sortedTop, tokenIds } from "./openai-fields.js";
import { eventOf, OpenAiStream } from "./openai-stream.js";
import { ServerFault } from "../fault.js";

const choiceSchema = z.object({
  text: z.string().nullish(),
  finish_reason: z.string().nullish(),
  logprobs: z
    .object({
      tokens: z.array(z.string()).nullish(),
      token_logprobs: z.array(z.number().nullable()).nullish(),
      top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
    })
    .nullish(),
  token_ids: tokenIds,
});
type Told = z.infer<typeof choiceSchema>;
const readChoices = choicesReader(choiceSchema);
const event = eventOf(z.looseObject({ text: z.string().nullish() }));

/** OpenAI's `/completions`: the model goes on from a text as it is. */
export const completions: Dialect = {
  ...OPENAI,
  name: "completions",
  description: "the prompt as it is",
  takes: "text",
  echoes: true,
  path: "/completions",
  body: (model, kind, ask) => ({
    ...commonFields(model, kind, ask),
    prompt: promptOf(ask.prompt),
    logprobs: Math.min(ask.top ?? kind.usualTop, kind.top.completions),
    ...(ask.echo && { echo: true }),
  }),
  choices: (body) => readChoices(body).map(choiceOf),
  stream: () =>
    new OpenAiStream(
      event,
      ({ text }) => text ?? undefined,
      (text) => ({ text }),
    ),
};

function promptOf(prompt: Parameters<Dialect["body"]>[2]["prompt"]): string | readonly number[] {
  if ("messages" in prompt) throw new TypeError("a conversation has to be put into text first");
  return "text" in prompt ? prompt.text : prompt.ids;
}

function choiceOf({ text, finish_reason: finish, logprobs, token_ids: ids }: Told): Choice {
  return {
    text: text ?? undefined,
    finish: finish ?? undefined,
    entries: entriesOf(logprobs),
    ids: ids ?? undefined,
  };
}

function entriesOf(told: Told["logprobs"]): Entry[] | undefined {
  const { token_logprobs: values, tokens, top_logprobs: top } = told ?? {};
  if (!values) return undefined;
  if (tokens && tokens.length !== values.length) {
    throw new ServerFault("counts differ", `${tokens.length} tokens for ${values.length} log-probabilities`);
  }
  return values.map((logProb, at) => ({
    piece: tokens?.[at] ?? "",
    logProb,
    id: undefined,
    top: sortedTop(Object.entries(top?.[at] ?? {}).map(([text, value]) => ({ text, logProb: value }))),
  }));
}
