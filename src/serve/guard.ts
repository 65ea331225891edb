import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { ApiError } from "./api-error.js";

/** Who may ask. */
export interface GuardSettings {
  /** Keys of which a request has to bear one; none: no key is asked for. */
  readonly keys?: readonly string[];
  /** Names besides this machine's own under which the server may be asked where it has no keys. */
  readonly hosts?: readonly string[];
  /** Origins of pages in browsers that may ask; from all others, requests are refused. */
  readonly origins?: readonly string[];
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\]|::1)$/i;

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** What needs no key: whether the server is alive, and the page, which holds nothing of anybody's and asks with a key of its own. */
const OPEN = /^\/(health|app\/.*)?$/;

/**
 * Refuses whoever may not ask. Without keys only this machine's own names are taken as the server's, so that a page whose name was
 * made to lead here (DNS rebinding) gets nothing; with keys such a page has none.
 */
export function guard({ keys = [], hosts = [], origins = [] }: GuardSettings): MiddlewareHandler {
  const digests = keys.map(digestOf);
  return async ({ req, header }, next) => {
    const host = nameOf(req.header("host") ?? "");
    if (digests.length === 0 && !isLoopback(host) && !hosts.includes(host))
      throw new ApiError(403, "This server is not to be asked under that name.", {
        type: "permission_error",
        code: "host_not_allowed",
      });
    const named = req.header("origin");
    // The server's own page is no stranger's.
    const origin = named !== undefined && isOwn(named, req.header("host")) ? undefined : named;
    if (origin !== undefined) {
      if (!origins.includes(origin))
        throw new ApiError(403, "Pages of that origin may not ask this server.", {
          type: "permission_error",
          code: "origin_not_allowed",
        });
      if (req.method === "OPTIONS") {
        const asked = req.header("access-control-request-headers") ?? "";
        return new Response(null, {
          status: 204,
          headers: { ...allowed(origin), ...PREFLIGHT, [ALLOWED]: asked },
        });
      }
    }
    if (
      digests.length > 0 &&
      !OPEN.test(req.path) &&
      !isOneOf(bearerOf(req.header("authorization")), digests)
    )
      throw new ApiError(401, "A key of this server is needed: Authorization: Bearer <key>.", {
        type: "authentication_error",
        code: "invalid_api_key",
        headers: { "www-authenticate": "Bearer" },
      });
    await next();
    for (const [name, value] of Object.entries(origin === undefined ? {} : allowed(origin)))
      header(name, value);
    return undefined;
  };
}

/** Whether a page of an origin is this server's own, as its browser sees both. */
function isOwn(origin: string, host: string | undefined): boolean {
  return host !== undefined && /^https?:\/\/(.*)$/.exec(origin)?.[1] === host;
}

const ALLOWED = "access-control-allow-headers";
const PREFLIGHT = { "access-control-allow-methods": "GET, POST", "access-control-max-age": "600" };

/** What tells a browser that a page may read the reply; never with credentials of its own. */
function allowed(origin: string): Readonly<Record<string, string>> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "x-request-id",
    vary: "origin",
  };
}

/** The name in a Host header, without its port. */
function nameOf(host: string): string {
  return host.replace(/:\d*$/, "").toLowerCase();
}

const digestOf = (key: string): Buffer => createHash("sha256").update(key).digest();

function bearerOf(authorization = ""): string {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
}

/** Takes the same time whichever it is, and however much of it is right. */
function isOneOf(key: string, digests: readonly Buffer[]): boolean {
  const own = digestOf(key);
  return digests.map((digest) => timingSafeEqual(own, digest)).some(Boolean);
}
