import { z } from "zod";
import { ServerError } from "../../core/errors.js";
import type { TinkerConnection } from "./connection.js";

/** Of a request whose result is asked for afterwards. */
export const asked = z.looseObject({ request_id: z.string() });

/** A reply with what the protocol has it tell. @throws ServerError for one without. */
export function told<T>(schema: z.ZodType<T>, reply: unknown, { url }: TinkerConnection): T {
  const parsed = schema.safeParse(reply);
  if (parsed.success) return parsed.data;
  const { path: place, message } = parsed.error.issues[0]!;
  const missing = place.length === 0 ? message : `${place.join(".")}: ${message}`;
  throw new ServerError(
    `The trainer at ${url} sent a reply that Tinker's protocol does not know (${missing}).`,
    { where: url },
  );
}
