import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Answered } from "./answered.js";
import { totals } from "./answered.js";
import { toApiError } from "./api-error.js";
import type { Question } from "./question.js";

/** What is told of a request once it is over: no key, and nothing that was asked or answered unless that is wanted. */
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
  /** Where there are several. */
  readonly prompts?: number;
  readonly reward?: string;
  readonly stream?: boolean;
  readonly tokens?: { readonly prompt: number; readonly drawn: number; readonly chosen: number };
  /** What was asked and answered, where the server was started so that it tells. */
  readonly prompt?: string | readonly string[];
  readonly answer?: string | readonly string[];
  /** The code of what went wrong; `client_gone` where nobody waited for the end. */
  readonly error?: string;
  /** The stack of a fault that is the server's own, or what the servers behind it did wrong. */
  readonly fault?: string;
}

/** What a route tells of its request. */
export interface RequestNote {
  asked(questions: readonly Question[], stream: boolean): void;
  answered(answered: readonly Answered[]): void;
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
  /** Whether the line has the texts of prompts and answers. Default false. */
  readonly texts?: boolean | undefined;
  /** Told that a request begins; what it returns is told of its end. */
  readonly begin?: ((request: BegunRequest) => (line: LogLine) => void) | undefined;
}

/** A request that begins. */
export interface BegunRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
}

const OWN_ID = /^[\w.:-]{1,128}$/;

/** Gives each request an id, its own if it brought one, and tells of it once it is over. */
export function requestLog({
  now,
  freshId,
  log,
  texts = false,
  begin,
}: LogSettings): MiddlewareHandler<Noted> {
  return async (context, next) => {
    const { req } = context;
    const began = now();
    const given = req.header("x-request-id");
    const id = given !== undefined && OWN_ID.test(given) ? given : freshId();
    const notes = new Notes(texts);
    let open = true;
    // The parts of pages, and what a page of runs asks ten times a second: of no account.
    const part = /^\/(app|api\/runs)\//.test(req.path);
    const end = part ? undefined : begin?.({ method: req.method, path: req.path, headers: req.raw.headers });
    const tell = (status: number, error: unknown): void => {
      if (!open) return;
      open = false;
      if (part && status < 400) return;
      const line = {
        ...{ time: new Date(began).toISOString(), id, method: req.method, route: routeOf(context) },
        ...{ status, ms: Math.round(now() - began) },
        ...notes.facts,
        ...errorFacts(error),
      };
      log?.(line);
      end?.(line);
    };
    let streams = false;
    const note: RequestNote = {
      asked: (questions, stream) => notes.asked(questions, stream),
      answered: (answered) => notes.answered(answered),
      streams: () => {
        streams = true;
        return (error) => tell(200, error);
      },
    };
    context.set("note", note);
    context.header("x-request-id", id);
    await next();
    // A reply that a route made by itself has not got it yet.
    if (!context.res.headers.has("x-request-id")) context.header("x-request-id", id);
    if (!streams) tell(context.res.status, context.error);
  };
}

/** What the routes tell of a request. */
class Notes {
  facts: Partial<LogLine> = {};

  constructor(private readonly texts: boolean) {}

  asked(questions: readonly Question[], stream: boolean): void {
    const { model, bestOf, reward } = questions[0]!;
    const prompts = questions.map(({ prompt: { text } }) => text);
    this.facts = {
      ...{ model, best_of: bestOf, reward: reward.name, stream },
      ...(prompts.length > 1 && { prompts: prompts.length }),
      ...(this.texts && { prompt: oneOrAll(prompts) }),
    };
  }

  answered(answered: readonly Answered[]): void {
    this.facts = {
      ...this.facts,
      tokens: totals(answered),
      ...(this.texts && { answer: oneOrAll(answered.map(({ best }) => best[0]!.response.text)) }),
    };
  }
}

function oneOrAll<T>(values: readonly T[]): T | readonly T[] {
  return values.length === 1 ? values[0]! : values;
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
