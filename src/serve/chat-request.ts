import { z } from "zod";
import { conversationText, type Message, type Prompt } from "../policy/policy.js";
import { refused, schemaError } from "./api-error.js";
import { COMMON, LIKELIEST, maybe, NEUTRAL_IN_CHAT, STREAM } from "./fields.js";
import type { ServedModel } from "./served-model.js";

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant"], "must be system, developer, user or assistant"),
  content: z.union([z.string(), z.array(part)], "must be a text, or a list of parts of text"),
});

/** What the body of a request may hold. */
export const chatSchema = z.strictObject({
  ...COMMON,
  ...NEUTRAL_IN_CHAT,
  messages: z.array(message, "must be a list").min(1, "must hold at least one message"),
  max_completion_tokens: COMMON.max_tokens,
  ...STREAM,
  logprobs: maybe(z.boolean("must be true or false")),
  top_logprobs: maybe(LIKELIEST),
});

/** The body of a request to /v1/chat/completions. */
export type ChatRequest = z.infer<typeof chatSchema>;

/** @throws ApiError for the first field that is wrong, unknown, or asks for what this server does not do. */
export function parseChat(body: unknown): ChatRequest {
  const parsed = chatSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw schemaError(parsed.error);
}

/**
 * How many of the likeliest tokens are to be told at each position, beside those of the choices; undefined: no tokens at all.
 * @throws ApiError where they are asked for without the tokens.
 */
export function likeliestOfChat({ logprobs, top_logprobs: top }: ChatRequest): number | undefined {
  if (logprobs === true) return top ?? 0;
  if (!top) return undefined;
  throw refused(
    "top_logprobs",
    "top_logprobs is for replies with logprobs: set logprobs to true, or leave it out.",
  );
}

/** The id of every prompt: with the seed and the index it keys the randomness, as in `answer`. */
export const PROMPT_ID = "prompt";

/**
 * A conversation as the model takes it. A model without a chat template is given the text of a single message of the user.
 * @throws ApiError for what is no text, ends with the assistant, or cannot be put into the model's form.
 */
export function promptOfChat(
  { messages }: Pick<ChatRequest, "messages">,
  { id, takes }: ServedModel,
): Prompt {
  const turns = messages.map(({ role, content }, at): Message => ({
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : textOf(content, `messages.${at}.content`),
  }));
  if (turns.at(-1)!.role === "assistant") {
    throw refused("messages", "The last message must not be the assistant's: its turn is what is asked for.");
  }
  const text = conversationText(turns);
  if (takes !== "text") return { id: PROMPT_ID, text, messages: turns };
  if (turns.length === 1 && turns[0]!.role === "user") return { id: PROMPT_ID, text };
  throw refused(
    "messages",
    `${id} takes text and no conversations: give one message of the user, or ask /v1/completions.`,
  );
}

function textOf(parts: readonly z.infer<typeof part>[], param: string): string {
  const other = parts.find(({ type, text }) => type !== "text" || text === undefined);
  if (other) throw refused(param, `A part of the type "${other.type}" is not supported: only text is.`);
  return parts.map(({ text }) => text).join("");
}
