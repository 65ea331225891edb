import { z } from "zod";
import type { Prompt } from "../policy/policy.js";
import { refused, schemaError } from "./api-error.js";
import { PROMPT_ID } from "./chat-request.js";
import { COMMON, LIKELIEST, maybe, STREAM } from "./fields.js";
import type { ServedModel } from "./served-model.js";

const TEXTS = "must be a text, or a list of texts; tokens are not supported";
/** The most prompts of one request. */
const MOST_PROMPTS = 64;

/** What the body of a request may hold. */
export const completionSchema = z.strictObject({
  ...COMMON,
  ...STREAM,
  prompt: z.union(
    [z.string(), z.array(z.string()).min(1).max(MOST_PROMPTS)],
    `${TEXTS}, and of at most ${MOST_PROMPTS}`,
  ),
  echo: maybe(z.literal(false, "is not supported; leave it out")),
  suffix: maybe(z.literal("", "is not supported; leave it out")),
  logprobs: maybe(LIKELIEST),
});

/** The body of a request to /v1/completions. */
export type CompletionRequest = z.infer<typeof completionSchema>;

/** @throws ApiError for the first field that is wrong, unknown, or asks for what this server does not do. */
export function parseCompletion(body: unknown): CompletionRequest {
  const parsed = completionSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw schemaError(parsed.error);
}

/** Texts as the model is to go on from. @throws ApiError where the model takes conversations alone, or a text is empty. */
export function promptsOfCompletion({ prompt }: CompletionRequest, { id, takes }: ServedModel): Prompt[] {
  const texts = typeof prompt === "string" ? [prompt] : prompt;
  if (texts.includes("")) throw refused("prompt", "A prompt is empty: give it some text.");
  // Each is answered as it would be alone, and so has the id that it has alone.
  if (takes !== "messages") return texts.map((text) => ({ id: PROMPT_ID, text }));
  throw refused("prompt", `${id} is asked by conversations alone: ask /v1/chat/completions.`);
}
