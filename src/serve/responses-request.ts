import { z } from "zod";
import type { ChatRequest } from "./chat-request.js";
import { refused, schemaError } from "./api-error.js";
import { COMMON, isEmpty, maybe, neutral, TEXT_ALONE } from "./fields.js";

const KEEPS_NOTHING = "is not supported: this server keeps nothing; send the whole conversation as input";

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const item = z.looseObject({
  type: z.literal("message", "must be a message: nothing else is supported").optional(),
  role: z.enum(["system", "developer", "user", "assistant"], "must be system, developer, user or assistant"),
  content: z.union([z.string(), z.array(part)], "must be a text, or a list of parts of text"),
});

const { max_tokens: maxTokens, n: _, ...common } = COMMON;
/** What the body of a request may hold. */
export const responsesSchema = z.strictObject({
  ...common,
  input: z.union([z.string(), z.array(item).min(1)], "must be a text or a list of messages"),
  instructions: maybe(z.string()),
  max_output_tokens: maxTokens,
  stream: maybe(z.boolean()),
  stream_options: z.unknown().optional(),
  // Whoever does not say gets nothing kept all the same, and is told so in the reply.
  store: maybe(z.boolean()),
  previous_response_id: neutral(() => false, KEEPS_NOTHING),
  conversation: neutral(() => false, KEEPS_NOTHING),
  background: neutral((value) => value === false, KEEPS_NOTHING),
  prompt: neutral(() => false, KEEPS_NOTHING),
  tools: neutral(isEmpty, TEXT_ALONE),
  tool_choice: neutral((value) => value === "none" || value === "auto", TEXT_ALONE),
  parallel_tool_calls: z.unknown().optional(),
  max_tool_calls: z.unknown().optional(),
  text: neutral((value) => {
    const { format, verbosity } = value as { format?: { type?: unknown }; verbosity?: unknown };
    return (format == null || format.type === "text") && (verbosity == null || verbosity === "medium");
  }, TEXT_ALONE),
  reasoning: neutral(isEmpty, TEXT_ALONE),
  include: neutral(isEmpty, TEXT_ALONE),
  top_logprobs: neutral((value) => value === 0, TEXT_ALONE),
  truncation: neutral((value) => value === "disabled", "must be disabled: nothing is left out of a prompt"),
});

/** The body of a request to /v1/responses. */
export type ResponsesRequest = z.infer<typeof responsesSchema>;

/** @throws ApiError for the first field that is wrong, unknown, or asks for what this server does not do. */
export function parseResponses(body: unknown): ResponsesRequest {
  const parsed = responsesSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw schemaError(parsed.error);
}

/** The conversation that is asked for, as chat has it. @throws ApiError for parts that are no text. */
export function conversationOf({ input, instructions }: ResponsesRequest): Pick<ChatRequest, "messages"> {
  const turns = typeof input === "string" ? [{ role: "user" as const, content: input }] : input;
  const system = instructions == null ? [] : [{ role: "system" as const, content: instructions }];
  return {
    messages: [
      ...system,
      ...turns.map(({ role, content }, at) => ({
        role,
        content: typeof content === "string" ? content : textOf(content, `input.${at}.content`),
      })),
    ],
  };
}

function textOf(parts: readonly z.infer<typeof part>[], param: string): string {
  const isText = ({ type, text }: z.infer<typeof part>): boolean =>
    (type === "input_text" || type === "output_text") && text !== undefined;
  const other = parts.find((each) => !isText(each));
  if (other) throw refused(param, `A part of the type "${other.type}" is not supported: only text is.`);
  return parts.map(({ text }) => text).join("");
}
