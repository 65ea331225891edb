import type { Headers } from "undici";
import { KEY_VARIABLES } from "./api-key.js";
import { ServerFault } from "./fault.js";

/** Longer waits that a server asks for are cut to this. */
const LONGEST_WAIT_MS = 10 * 60_000;
const KEY_HINT = `the key comes from ${KEY_VARIABLES.join(" or ")}`;

/** What came with a status that is not one of success. */
interface StatusDetails {
  /** The server's own words, without the key. */
  readonly said: string;
  readonly retryAfterMs: number | undefined;
  readonly location: string | null;
  readonly url: string;
}

/** The fault of a reply with such a status. */
export function statusFault(status: number, details: StatusDetails): ServerFault {
  const { said, retryAfterMs: wait, location, url } = details;
  const message = said === "" ? String(status) : `${status} ${said}`;
  if (status === 408 || status === 409 || status === 429)
    return new ServerFault("busy", message, { rest: status === 429, retryAfterMs: wait });
  if (status >= 500) return new ServerFault("server error", message, { rest: true, retryAfterMs: wait });
  if (status >= 300 && status < 400) {
    const host = location && URL.canParse(location, url) ? new URL(location, url).host : "somewhere else";
    return new ServerFault("redirect", `${status}, a redirect to ${host}, which the key must not follow`, {
      retry: false,
    });
  }
  const hint = status === 401 || status === 403 ? `${message.replace(/\.$/, "")}; ${KEY_HINT}` : message;
  return new ServerFault("refused", hint, { retry: false, status });
}

/**
 * Milliseconds to wait, from `retry-after-ms`, or from `retry-after` in seconds or as a date: a date counts from the reply's own, since the
 * library reads no clock. Undefined where none of them can be read.
 */
export function retryAfterMs(headers: Pick<Headers, "get">): number | undefined {
  const [milliseconds, after, now] = ["retry-after-ms", "retry-after", "date"].map((name) =>
    headers.get(name),
  );
  const waits = [
    milliseconds ? Number(milliseconds) : NaN,
    after ? Number(after) * 1000 : NaN,
    after && now ? Math.max(0, Date.parse(after) - Date.parse(now)) : NaN,
  ];
  const wait = waits.find((each) => Number.isFinite(each) && each >= 0);
  return wait === undefined ? undefined : Math.min(wait, LONGEST_WAIT_MS);
}

/** What OpenSSL says of a certificate that cannot be trusted as things are. */
const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_UNTRUSTED",
]);
const WRONG_CERTIFICATE = /^(CERT_|ERR_TLS_CERT|ERR_SSL|EPROTO|HOSTNAME_MISMATCH)/;

/**
 * The fault of a request that came to no reply, or of a reply that came to no end.
 * @param begun whether a reply had begun.
 * @param shown makes a text fit to be shown.
 */
export function connectionFault(
  error: unknown,
  begun: boolean,
  shown: (text: string) => string,
): ServerFault {
  const { code, reason } = innermost(error);
  if (UNTRUSTED.has(code)) {
    return new ServerFault(
      "certificate",
      `its certificate is of no authority that is trusted (${shown(reason)}); give that authority's certificates in a file of its own`,
      { retry: false },
    );
  }
  if (WRONG_CERTIFICATE.test(code)) {
    const message = `no secure connection (${shown(reason)}); check the URL, and whether it begins with http or https`;
    return new ServerFault("certificate", message, { retry: false });
  }
  if (begun) return new ServerFault("cut reply", `a reply that broke off (${shown(reason)})`);
  return new ServerFault("unreachable", `no connection (${shown(reason)})`, { rest: true });
}

/** The innermost reason, such as `connect ECONNREFUSED 127.0.0.1:8000`, and its code. */
function innermost(error: unknown): { readonly code: string; readonly reason: string } {
  let code = "";
  let reason = String(error);
  for (let inner = error; inner instanceof Error; inner = causeOf(inner)) {
    if (inner.message !== "") reason = inner.message;
    if ("code" in inner && typeof inner.code === "string") code = inner.code;
  }
  return { code, reason };
}

/** Where every address of a name was tried, the first one's. */
function causeOf(error: Error): unknown {
  return error instanceof AggregateError ? (error.errors as unknown[])[0] : error.cause;
}
