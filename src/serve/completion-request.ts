import { z } from "zod";
import type { Prompt } from "../policy/policy.js";
import { refused, schemaError } from "./api-error.js";
import { PROMPT_ID } from "./chat-request.js";
import { COMMON, maybe, STREAM } from "./fields.js";
import type { ServedModel } from "./served-model.js";

const ONE_TEXT = "must be one text; lists of several, and of tokens, are not supported";

/** What the body of a request may hold. */
export const completionSchema = z.strictObject({
  ...COMMON,
  ...STREAM,
  prompt: z.union([z.string(), z.tuple([z.string()])], ONE_TEXT),
  echo: maybe(z.literal(false, "is not supported; leave it out")),
  suffix: maybe(z.literal("", "is not supported; leave it out")),
  logprobs: z.null("is not supported; leave it out").optional(),
});

/** The body of a request to /v1/completions. */
export type CompletionRequest = z.infer<typeof completionSchema>;

/** @throws ApiError for the first field that is wrong, unknown, or asks for what this server does not do. */
export function parseCompletion(body: unknown): CompletionRequest {
  const parsed = completionSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw schemaError(parsed.error);
}

/** A text as the model is to go on from. @throws ApiError where the model takes conversations alone, or the text is empty. */
export function promptOfCompletion({ prompt }: CompletionRequest, { id, takes }: ServedModel): Prompt {
  const text = typeof prompt === "string" ? prompt : prompt[0];
  if (text === "") throw refused("prompt", "The prompt is empty: give it some text.");
  if (takes !== "messages") return { id: PROMPT_ID, text };
  throw refused("prompt", `${id} is asked by conversations alone: ask /v1/chat/completions.`);
}
