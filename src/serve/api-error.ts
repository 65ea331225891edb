import type { Env, Hono } from "hono";
import type { z } from "zod";
import { BudgetError } from "../policy/remote/budget.js";
import { InterruptedError, ServerError, UsageError, WhetstoneError } from "../core/errors.js";

/** OpenAI's kinds of errors, as its clients know them. */
type ApiErrorType =
  "invalid_request_error" | "authentication_error" | "permission_error" | "rate_limit_error" | "server_error";

interface ApiErrorFacts {
  readonly type?: ApiErrorType;
  /** The field of the request that it is about. */
  readonly param?: string;
  /** A stable word for programs. */
  readonly code?: string;
  /** Headers that go with it. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that a client is told, in OpenAI's shape. Its message is one sentence without paths or stacks. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: ApiErrorType;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { type, param, code, headers = {} }: ApiErrorFacts = {}) {
    super(message);
    this.status = status;
    this.type = type ?? (status < 500 ? "invalid_request_error" : "server_error");
    this.param = param ?? null;
    this.code = code ?? null;
    this.headers = headers;
  }

  /** What stands in a reply's body, or in an event of a stream. */
  get body(): { readonly error: object } {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

/** A field whose value is not taken. */
export function refused(param: string, message: string, code = "unsupported_value"): ApiError {
  return new ApiError(400, message, { param, code });
}

/** What whoever asks is told while the server ends. */
export function shuttingDown(): ApiError {
  return new ApiError(503, "The server is shutting down; ask again, or ask another.", {
    code: "shutting_down",
    headers: { "retry-after": "1" },
  });
}

/** What is wrong with a body, by the first thing that its schema found. */
export function schemaError({ issues }: z.ZodError): ApiError {
  const issue = issues[0]!;
  if (issue.code === "unrecognized_keys") {
    const param = [...issue.path, issue.keys[0]!].join(".");
    return new ApiError(400, `There is no field "${param}" that this server knows: leave it out.`, {
      param,
      code: "unknown_parameter",
    });
  }
  const param = issue.path.join(".");
  return new ApiError(400, `${param === "" ? "The body" : `"${param}"`}: ${issue.message}.`, {
    ...(param !== "" && { param }),
    code: "invalid_value",
  });
}

/** What a client is told of an error; whatever is not made for people becomes a plain server error. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof UsageError) {
    const tooLong = error.reason === "prompt-too-long";
    return new ApiError(400, error.message, {
      param: tooLong ? "messages" : undefined,
      code: tooLong ? "context_length_exceeded" : "unsupported_value",
    } as ApiErrorFacts);
  }
  if (error instanceof InterruptedError) return shuttingDown();
  if (error instanceof BudgetError)
    return new ApiError(429, "The server may ask no more of the servers behind it: its budget is used up.", {
      type: "rate_limit_error",
      code: "insufficient_quota",
    });
  if (error instanceof ServerError)
    return new ApiError(502, withoutAddresses(error.message), { code: "upstream_error" });
  if (error instanceof WhetstoneError) return new ApiError(500, error.message, { code: error.code });
  return new ApiError(500, "The server met a fault of its own; its log has the request's id.", {
    code: "internal_error",
  });
}

/** Where the servers behind this one are is nobody's business. */
function withoutAddresses(message: string): string {
  return message
    .replace(/, the last from https?:\/\/\S+:(?= )/, ":")
    .replace(/ from https?:\/\/\S+:(?= )/, ":")
    .replace(/https?:\/\/[^\s:]+(:\d+)?[^\s:]*/g, "behind this one");
}

/** An error as a reply. */
export function errorReply({ status, body, headers }: ApiError): Response {
  return Response.json(body, { status, headers });
}

/** Has routes answer what is thrown, and what there is not, in OpenAI's shape. */
export function answerErrors<E extends Env>(app: Hono<E>): void {
  app.onError((error) => errorReply(toApiError(error)));
  app.notFound(({ req }) => {
    throw new ApiError(404, `There is no ${req.method} ${req.path} here.`, { code: "not_found" });
  });
}
