import type { Context, Hono } from "hono";
import { isTooDeep } from "../core/json-depth.js";
import type { Prompt } from "../policy/policy.js";
import type { Answering } from "./answering.js";
import { ApiError } from "./api-error.js";
import { chatForm } from "./chat-reply.js";
import { likeliestOfChat, parseChat, promptOfChat } from "./chat-request.js";
import { completionForm } from "./completion-reply.js";
import { parseCompletion, promptsOfCompletion } from "./completion-request.js";
import { questionOf, type AskedFields, type QuestionSettings } from "./question.js";
import type { ReplyForm } from "./reply.js";
import { ClientGone, type Noted } from "./request-log.js";
import { conversationOf, parseResponses } from "./responses-request.js";
import { responsesForm } from "./responses-reply.js";
import { streamReply } from "./stream.js";

/** What the routes that draw work with. */
export interface AnswerSettings extends QuestionSettings {
  readonly answering: Answering;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly freshId: () => string;
  readonly beatMs: number;
}

/** A body that was read: what it asks for, and how it wants its reply. */
interface Read {
  readonly fields: AskedFields;
  /** One, or several that are answered each for itself. */
  readonly prompts: readonly Prompt[];
  readonly logProbs: number | undefined;
  readonly maxTokens: number | null | undefined;
  readonly stream: boolean | null | undefined;
  readonly includeUsage?: boolean | null | undefined;
}

/** Adds the routes that draw. */
export function addAnswerRoutes(app: Hono<Noted>, settings: AnswerSettings): void {
  const { model } = settings;
  addRoute(app, "/v1/chat/completions", chatForm, settings, (json) => {
    const fields = parseChat(json);
    const { max_completion_tokens: most, max_tokens: maxTokens, stream, stream_options: options } = fields;
    const prompts = [promptOfChat(fields, model)];
    const logProbs = likeliestOfChat(fields);
    const includeUsage = options?.include_usage;
    return { fields, prompts, logProbs, maxTokens: most ?? maxTokens, stream, includeUsage };
  });
  addRoute(app, "/v1/completions", completionForm, settings, (json) => {
    const fields = parseCompletion(json);
    const { max_tokens: maxTokens, stream, stream_options: options } = fields;
    const prompts = promptsOfCompletion(fields, model);
    const logProbs = fields.logprobs ?? undefined;
    return { fields, prompts, logProbs, maxTokens, stream, includeUsage: options?.include_usage };
  });
  addRoute(app, "/v1/responses", responsesForm, settings, (json) => {
    const fields = parseResponses(json);
    const { max_output_tokens: maxTokens, stream } = fields;
    const prompts = [promptOfChat(conversationOf(fields), model)];
    return { fields, prompts, logProbs: undefined, maxTokens, stream };
  });
}

function addRoute(
  app: Hono<Noted>,
  path: string,
  form: ReplyForm,
  settings: AnswerSettings,
  read: (body: unknown) => Read,
): void {
  const { answering, now, freshId, beatMs } = settings;
  app.post(path, async (context) => {
    const { note } = context.var;
    const { fields, prompts, logProbs, maxTokens, stream, includeUsage } = read(await jsonBody(context));
    const beside = { maxTokens, logProbs, headers: headersOf(context) };
    const first = questionOf(fields, prompts[0]!, beside, settings);
    const alike = { ...fields, seed: first.seed };
    const questions = prompts.map((prompt, at) =>
      at === 0 ? first : questionOf(alike, prompt, beside, settings),
    );
    note.asked(questions, stream === true);
    const asked = await answering.ask(questions);
    const name = { id: freshId(), created: Math.floor(now() / 1000) };
    const client = context.req.raw.signal;
    if (stream === true) {
      const streaming = form.stream(questions, name, includeUsage === true);
      return streamReply(answering, asked, streaming, { client, beatMs, note });
    }
    try {
      const answered = await answering.answer(asked, client);
      note.answered(answered);
      return context.json(form.whole(answered, name));
    } catch (error) {
      throw client.aborted ? new ClientGone() : error;
    }
  });
}

function headersOf({ req }: Context): { bestOf: string | undefined; reward: string | undefined } {
  return { bestOf: req.header("x-whetstone-best-of"), reward: req.header("x-whetstone-reward") };
}

/** @throws ApiError for what is no JSON. */
export async function jsonBody({ req }: Context): Promise<unknown> {
  const text = await req.text();
  try {
    if (!isTooDeep(text)) return JSON.parse(text) as unknown;
  } catch {
    // Told below, without the parser's words, which repeat the body.
  }
  throw new ApiError(400, "The body is no JSON that this server reads.", { code: "invalid_json" });
}
