import { z } from "zod";
import type { Message } from "../../policy.js";
import type { Choice, Dialect, Entry } from "./dialect.js";
import { choicesReader, commonFields, OPENAI, sortedTop, tokenIds } from "./openai-fields.js";
import { eventOf, OpenAiStream } from "./openai-stream.js";

/** What servers that tell thinking apart from the answer call it. */
const said = {
  content: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
};
const topEntry = z.object({ token: z.string(), logprob: z.number() });
const contentEntry = z.object({
  token: z.string(),
  logprob: z.number().nullable(),
  id: z.int().min(0).nullish(),
  top_logprobs: z.array(topEntry).nullish(),
});
const choiceSchema = z.object({
  message: z.object(said).nullish(),
  finish_reason: z.string().nullish(),
  logprobs: z.object({ content: z.array(contentEntry).nullish() }).nullish(),
  token_ids: tokenIds,
});
type Told = z.infer<typeof choiceSchema>;
const readChoices = choicesReader(choiceSchema);
const event = eventOf(z.looseObject({ delta: z.looseObject(said).nullish() }));

/** OpenAI's `/chat/completions`: the server puts a conversation into the model's own template. */
export const chat: Dialect = {
  ...OPENAI,
  name: "chat",
  description: "the prompt as a user's message, in the model's own template",
  takes: "messages",
  echoes: false,
  path: "/chat/completions",
  body: (model, kind, ask) => ({
    ...commonFields(model, kind, ask),
    messages: messagesOf(ask.prompt),
    logprobs: true,
    top_logprobs: Math.min(ask.top ?? kind.usualTop, kind.top.chat),
  }),
  choices: (body) => readChoices(body).map(choiceOf),
  stream: () => {
    // Thinking comes first; the answer's first piece ends it.
    let thinking = false;
    return new OpenAiStream(
      event,
      ({ delta }) => {
        const thought = delta?.reasoning_content ?? delta?.reasoning ?? undefined;
        const { content } = delta ?? {};
        const before = thought === undefined || thinking ? (thought ?? "") : `<think>${thought}`;
        thinking ||= thought !== undefined;
        const ends = thinking && content !== undefined && content !== null && content !== "";
        const text = before + (ends ? "</think>" : "") + (content ?? "");
        if (ends) thinking = false;
        return thought === undefined && (content === undefined || content === null) ? undefined : text;
      },
      (content) => ({ message: { content } }),
    );
  },
};

function messagesOf(prompt: Parameters<Dialect["body"]>[2]["prompt"]): readonly Message[] {
  if ("messages" in prompt) return prompt.messages.map(({ role, content }) => ({ role, content }));
  if ("text" in prompt) return [{ role: "user", content: prompt.text }];
  throw new TypeError("a conversation has no token ids");
}

function choiceOf({ message, finish_reason: finish, logprobs, token_ids: ids }: Told): Choice {
  return {
    text: textOf(message),
    finish: finish ?? undefined,
    entries: logprobs?.content?.map(entryOf),
    ids: ids ?? undefined,
  };
}

/** Thinking that is told apart stands where the model wrote it: its tokens are among the log-probabilities. */
function textOf(message: Told["message"]): string | undefined {
  const content = message?.content ?? undefined;
  const thought = message?.reasoning_content ?? message?.reasoning ?? undefined;
  if (thought === undefined || thought === "") return content ?? (thought === undefined ? undefined : "");
  return content === undefined || content === ""
    ? `<think>${thought}`
    : `<think>${thought}</think>${content}`;
}

function entryOf(entry: z.infer<typeof contentEntry>): Entry {
  return {
    piece: entry.token,
    logProb: entry.logprob,
    id: entry.id ?? undefined,
    top: sortedTop(
      (entry.top_logprobs ?? []).map(({ token, logprob }) => ({ text: token, logProb: logprob })),
    ),
  };
}
