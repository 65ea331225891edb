import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { isTooDeep } from "../core/json-depth.js";
import { Answering, type AnsweringLimits } from "./answering.js";
import { ApiError, shuttingDown, toApiError } from "./api-error.js";
import { chatForm } from "./chat-reply.js";
import { parseChat, promptOfChat } from "./chat-request.js";
import { completionForm } from "./completion-reply.js";
import { parseCompletion, promptOfCompletion } from "./completion-request.js";
import { guard, type GuardSettings } from "./guard.js";
import { questionOf, type Question, type QuestionSettings } from "./question.js";
import type { ReplyForm } from "./reply.js";
import { ClientGone, requestLog, type LogLine, type Noted } from "./request-log.js";
import { listedNames, type ServeDefaults, type ServedModel } from "./served-model.js";
import { streamReply } from "./stream.js";

/** What only the process around the server has. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The seed of a request that has none. */
  readonly freshSeed: () => number;
  /** A name that no other reply has. */
  readonly freshId: () => string;
}

export interface ServeLimits extends AnsweringLimits {
  /** The largest N that a request may ask for. */
  readonly bestOf: number;
  /** Milliseconds without anything new after which a stream says that it goes on. */
  readonly beatMs: number;
}

export interface ServeSettings extends GuardSettings {
  readonly model: ServedModel;
  readonly defaults: ServeDefaults;
  readonly surroundings: Surroundings;
  readonly limits?: Partial<ServeLimits> | undefined;
  /** Told of each request once it is over. */
  readonly log?: ((line: LogLine) => void) | undefined;
}

const LIMITS: ServeLimits = { bestOf: 64, slots: 32, queue: 64, longestMs: 600_000, beatMs: 5000 };
const BODY_BYTES = 1 << 20;

/** A question, and whether its reply is to come as a stream. */
interface Request {
  readonly question: Question;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

/** The routes of the server, and what answers behind them. */
export function serveApp({ model, defaults, surroundings, limits: some, log, ...guarded }: ServeSettings): {
  readonly app: Hono<Noted>;
  readonly answering: Answering;
} {
  const { now, freshSeed, freshId } = surroundings;
  const limits = { ...LIMITS, ...some };
  const settings: QuestionSettings = { model, defaults, mostBestOf: limits.bestOf, freshSeed };
  const answering = new Answering(model.policy, limits);
  const app = new Hono<Noted>();
  app.use(requestLog({ now, freshId, log }), guard(guarded));
  app.onError((error) => errorReply(toApiError(error)));
  app.notFound(({ req }) => {
    throw new ApiError(404, `There is no ${req.method} ${req.path} here.`, { code: "not_found" });
  });
  const tooLong = (): Response =>
    errorReply(new ApiError(413, `The body is longer than ${BODY_BYTES} bytes.`, { code: "body_too_long" }));
  app.use("/v1/*", bodyLimit({ maxSize: BODY_BYTES, onError: tooLong }));
  app.get("/health", (context) => context.json({ status: "ok" }));
  app.get("/ready", (context) => {
    if (answering.admission.draining) throw shuttingDown();
    return context.json({ status: "ok" });
  });
  addModels(app, listedNames(model, defaults), Math.floor(now() / 1000));

  const reply = async (
    context: Context<Noted>,
    form: ReplyForm,
    read: (body: unknown) => Request,
  ): Promise<Response> => {
    const { note } = context.var;
    const { question, stream, includeUsage } = read(await jsonBody(context));
    note.asked(question, stream);
    const asked = await answering.ask(question);
    const name = { id: freshId(), created: Math.floor(now() / 1000) };
    const client = context.req.raw.signal;
    if (stream) {
      const { beatMs } = limits;
      return streamReply(answering, asked, form.stream(question, name, includeUsage), {
        client,
        beatMs,
        note,
      });
    }
    try {
      const answered = await answering.answer(asked, client);
      note.answered(answered);
      return context.json(form.whole(answered, name));
    } catch (error) {
      throw client.aborted ? new ClientGone() : error;
    }
  };
  app.post("/v1/chat/completions", (context) =>
    reply(context, chatForm, (json) => {
      const body = parseChat(json);
      const most = { maxTokens: body.max_completion_tokens ?? body.max_tokens, headers: headersOf(context) };
      return { question: questionOf(body, promptOfChat(body, model), most, settings), ...streamOf(body) };
    }),
  );
  app.post("/v1/completions", (context) =>
    reply(context, completionForm, (json) => {
      const body = parseCompletion(json);
      const most = { maxTokens: body.max_tokens, headers: headersOf(context) };
      return {
        question: questionOf(body, promptOfCompletion(body, model), most, settings),
        ...streamOf(body),
      };
    }),
  );
  return { app, answering };
}

function addModels(app: Hono<Noted>, names: readonly string[], created: number): void {
  const listed = names.map((id) => ({ id, object: "model", created, owned_by: "whetstone" }));
  app.get("/v1/models", (context) => context.json({ object: "list", data: listed }));
  app.get("/v1/models/:id{.+}", ({ req, json }) => {
    const found = listed.find(({ id }) => id === req.param("id"));
    if (found) return json(found);
    throw new ApiError(404, "There is no model of that name here.", { code: "model_not_found" });
  });
}

function streamOf({
  stream,
  stream_options: options,
}: Pick<ReturnType<typeof parseChat>, "stream" | "stream_options">): Omit<Request, "question"> {
  return { stream: stream === true, includeUsage: options?.include_usage === true };
}

function headersOf({ req }: Context): { bestOf: string | undefined; reward: string | undefined } {
  return { bestOf: req.header("x-whetstone-best-of"), reward: req.header("x-whetstone-reward") };
}

/** @throws ApiError for what is no JSON. */
async function jsonBody({ req }: Context): Promise<unknown> {
  const text = await req.text();
  try {
    if (!isTooDeep(text)) return JSON.parse(text) as unknown;
  } catch {
    // Told below, without the parser's words, which repeat the body.
  }
  throw new ApiError(400, "The body is no JSON that this server reads.", { code: "invalid_json" });
}

function errorReply({ status, body, headers }: ApiError): Response {
  return Response.json(body, { status, headers });
}
