import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Answered } from "./answered.js";
import { tokensOf } from "./answered.js";
import { toApiError } from "./api-error.js";
import type { Question } from "./question.js";

/** What is told of a request once it is over: nothing that was asked or answered, and no key. */
export interface LogLine {
  /** When it came, as ISO 8601. */
  readonly time: string;
  readonly id: string;
  readonly method: string;
  /** The route, not the path as it was asked for. */
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  readonly model?: string;
  readonly best_of?: number;
  readonly reward?: string;
  readonly stream?: boolean;
  readonly tokens?: { readonly prompt: number; readonly drawn: number; readonly chosen: number };
  /** The code of what went wrong; `client_gone` where nobody waited for the end. */
  readonly error?: string;
  /** The stack of a fault that is the server's own, or what the servers behind it did wrong. */
  readonly fault?: string;
}

/** What a route tells of its request. */
export interface RequestNote {
  asked(question: Question, stream: boolean): void;
  answered(answered: Answered): void;
  /** The reply goes on after its route has returned: the line is written when this is called. */
  streams(): (error: unknown) => void;
}

/** What handlers find in the context. */
export interface Noted {
  readonly Variables: { readonly note: RequestNote };
}

export interface LogSettings {
  readonly now: () => number;
  readonly freshId: () => string;
  readonly log?: ((line: LogLine) => void) | undefined;
}

const OWN_ID = /^[\w.:-]{1,128}$/;

/** Gives each request an id, its own if it brought one, and tells of it once it is over. */
export function requestLog({ now, freshId, log }: LogSettings): MiddlewareHandler<Noted> {
  return async (context, next) => {
    const { req } = context;
    const began = now();
    const given = req.header("x-request-id");
    const id = given !== undefined && OWN_ID.test(given) ? given : freshId();
    let facts: Partial<LogLine> = {};
    let open = true;
    const tell = (status: number, error: unknown): void => {
      if (!open) return;
      open = false;
      log?.({
        ...{ time: new Date(began).toISOString(), id, method: req.method, route: routeOf(context) },
        ...{ status, ms: Math.round(now() - began) },
        ...facts,
        ...errorFacts(error),
      });
    };
    let streams = false;
    const note: RequestNote = {
      asked: ({ model, bestOf, reward }, stream) => {
        facts = { model, best_of: bestOf, reward: reward.name, stream };
      },
      answered: ({ promptTokens, drawn, best }) => {
        facts = { ...facts, tokens: { prompt: promptTokens, drawn, chosen: tokensOf(best) } };
      },
      streams: () => {
        streams = true;
        return (error) => tell(200, error);
      },
    };
    context.set("note", note);
    await next();
    context.header("x-request-id", id);
    if (!streams) tell(context.res.status, context.error);
  };
}

function routeOf(context: Context): string {
  const route = routePath(context, -1);
  return route.endsWith("*") ? "none" : route;
}

function errorFacts(error: unknown): Pick<LogLine, "error" | "fault"> {
  if (error === undefined) return {};
  if (error instanceof ClientGone) return { error: "client_gone" };
  const { code, status } = toApiError(error);
  // Whoever runs the server is told what its clients are not.
  const fault =
    status < 500 || !(error instanceof Error) ? undefined : status === 500 ? error.stack : error.message;
  return { error: code ?? "error", ...(fault !== undefined && { fault }) };
}

/** The client has gone away before its reply was whole. */
export class ClientGone extends Error {}
