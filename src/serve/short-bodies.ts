import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { ApiError, errorReply } from "./api-error.js";

/**
 * Refuses bodies of more bytes than that. A length that was told holds, since the server's parser takes no more than it; only a body
 * without one is counted as it comes, for which a web stream is made of it.
 */
export function shortBodies(maxSize: number): MiddlewareHandler {
  const tooLong = (): Response =>
    errorReply(new ApiError(413, `The body is longer than ${maxSize} bytes.`, { code: "body_too_long" }));
  const counted = bodyLimit({ maxSize, onError: tooLong });
  return (context, next) => {
    const told = context.req.header("content-length");
    return told !== undefined && Number(told) <= maxSize ? next() : counted(context, next);
  };
}
