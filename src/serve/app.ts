import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { isTooDeep } from "../core/json-depth.js";
import { ApiError, toApiError } from "./api-error.js";
import { eventsOf, Gathering, type Answered } from "./answering.js";
import { chatReply } from "./chat-reply.js";
import { parseChat, promptOfChat } from "./chat-request.js";
import { questionOf, type Question, type QuestionSettings } from "./question.js";
import { listedNames, type ServeDefaults, type ServedModel } from "./served-model.js";

/** What only the process around the server has. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The seed of a request that has none. */
  readonly freshSeed: () => number;
  /** A name that no other reply has. */
  readonly freshId: () => string;
}

export interface ServeSettings {
  readonly model: ServedModel;
  readonly defaults: ServeDefaults;
  readonly surroundings: Surroundings;
  /** The largest N that a request may ask for. Default 64. */
  readonly mostBestOf?: number;
}

const MOST_BEST_OF = 64;
const BODY_BYTES = 1 << 20;

/** The routes of the server. */
export function serveApp({ model, defaults, surroundings, mostBestOf = MOST_BEST_OF }: ServeSettings): Hono {
  const { now, freshSeed, freshId } = surroundings;
  const settings: QuestionSettings = { model, defaults, mostBestOf, freshSeed };
  const started = Math.floor(now() / 1000);
  const app = new Hono();
  app.onError((error) => errorReply(toApiError(error)));
  app.notFound(({ req }) =>
    errorReply(new ApiError(404, `There is no ${req.method} ${req.path} here.`, { code: "not_found" })),
  );
  const tooLong = (): Response =>
    errorReply(new ApiError(413, `The body is longer than ${BODY_BYTES} bytes.`, { code: "body_too_long" }));
  app.use("/v1/*", bodyLimit({ maxSize: BODY_BYTES, onError: tooLong }));

  app.get("/health", (context) => context.json({ status: "ok" }));
  const listed = listedNames(model, defaults).map((id) => ({
    ...{ id, object: "model", created: started, owned_by: "whetstone" },
  }));
  app.get("/v1/models", (context) => context.json({ object: "list", data: listed }));
  app.get("/v1/models/:id{.+}", ({ req, json }) => {
    const found = listed.find(({ id }) => id === req.param("id"));
    if (found) return json(found);
    throw new ApiError(404, "There is no model of that name here.", { code: "model_not_found" });
  });
  app.post("/v1/chat/completions", async (context) => {
    const body = parseChat(await jsonBody(context));
    const question = questionOf(
      body,
      promptOfChat(body, model),
      { maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined, headers: headersOf(context) },
      settings,
    );
    const name = { id: freshId(), created: Math.floor(now() / 1000) };
    return context.json(chatReply(await answered(question, model, context.req.raw.signal), name));
  });
  return app;
}

async function answered(question: Question, { policy }: ServedModel, signal: AbortSignal): Promise<Answered> {
  const gathering = new Gathering(question, policy);
  for await (const event of eventsOf(question, policy, { signal, progress: false })) gathering.take(event);
  return gathering.answered();
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
