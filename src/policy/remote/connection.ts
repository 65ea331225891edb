import { OpenAI, APIConnectionError, APIConnectionTimeoutError, APIError } from "openai";
import { z } from "zod";
import { InterruptedError } from "../../core/errors.js";
import { KEY_VARIABLES, type ApiKey } from "./api-key.js";
import { ServerFault } from "./fault.js";
import type { Api } from "./server-kinds.js";
import { StreamedReply } from "./streamed-reply.js";

/** Whether a stream is to end, by its log-probabilities and its text so far. */
export type StopRule = (logProbs: readonly number[], text: string) => boolean;

/** A request to draw, as it goes over the wire. */
export interface WireRequest {
  readonly api: Api;
  readonly body: Readonly<Record<string, unknown>>;
  /**
   * Take the reply as a stream, and ask this after each piece with the log-probabilities and the text so far; `true` ends the request.
   * Absent: the reply comes whole.
   */
  readonly stop?: StopRule | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What came back. */
export interface WireReply {
  /** A stream is put together as if it had come whole. */
  readonly body: unknown;
  /** Whether `stop` ended it: it is no response then. */
  readonly stopped: boolean;
}

/** A model that a server says it has. */
export interface ServedModel {
  readonly id: string;
  readonly owner: string | undefined;
}

const PATHS: Readonly<Record<Api, string>> = { completions: "/completions", chat: "/chat/completions" };
/** Longer waits that a server asks for are cut to this. */
const LONGEST_WAIT_MS = 10 * 60_000;
const SHOWN_CHARACTERS = 300;
const KEY_HINT = `the key comes from ${KEY_VARIABLES.join(" or ")}`;

/**
 * One server. The client library sends, reads and parses; retries are the pool's, so that another server can take over.
 * Redirects are not followed: the key goes nowhere but to the URL that was named.
 */
export class Connection {
  readonly url: string;
  readonly #client: OpenAI;
  readonly #key: ApiKey | undefined;
  readonly #timeoutMs: number;

  constructor(url: string, key: ApiKey | undefined, timeoutMs: number) {
    this.url = url;
    this.#key = key;
    this.#timeoutMs = timeoutMs;
    this.#client = new OpenAI({
      baseURL: url,
      // The library wants some key; without one no header is sent.
      apiKey: key?.reveal() ?? "none",
      ...(key === undefined && { defaultHeaders: { Authorization: null } }),
      adminAPIKey: null,
      organization: null,
      project: null,
      maxRetries: 0,
      timeout: timeoutMs,
      logLevel: "off",
      fetchOptions: { redirect: "manual" },
    });
  }

  /** The models that the server lists; undefined if it has no such list. @throws ServerFault */
  async models(signal?: AbortSignal): Promise<ServedModel[] | undefined> {
    try {
      const body = await this.#exchange(signal, (inner) =>
        this.#client.get<unknown>("/models", { signal: inner }),
      );
      const parsed = z
        .object({ data: z.array(z.object({ id: z.string(), owned_by: z.string().nullish() })) })
        .safeParse(body);
      return parsed.success
        ? parsed.data.data.map(({ id, owned_by }) => ({ id, owner: owned_by ?? undefined }))
        : undefined;
    } catch (error) {
      if (
        error instanceof ServerFault &&
        error.fault === "refused" &&
        /\b(404|405|501)\b/.test(error.message)
      )
        return undefined;
      throw error;
    }
  }

  /** @throws ServerFault; InterruptedError when the signal fires. */
  async draw({ api, body, stop, signal }: WireRequest): Promise<WireReply> {
    const path = PATHS[api];
    const reply = await this.#exchange(signal, async (inner): Promise<WireReply> => {
      if (stop === undefined)
        return { body: await this.#client.post<unknown>(path, { body, signal: inner }), stopped: false };
      const streaming = { ...body, stream: true, stream_options: { include_usage: true } };
      const events = (await this.#client.post<unknown>(path, {
        body: streaming,
        signal: inner,
        stream: true,
      })) as AsyncIterable<unknown>;
      return collect(events, stop);
    });
    if (reply.body !== undefined && this.#key?.isIn(JSON.stringify(reply.body))) {
      throw new ServerFault("key in the reply", "a reply that holds the key", { retry: false });
    }
    return reply;
  }

  async #exchange<T>(signal: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const inner = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const result = await send(inner);
      // An aborted stream ends without an error.
      if (inner.aborted) throw new Error("aborted");
      return result;
    } catch (error) {
      if (signal?.aborted) throw new InterruptedError("Drawing from the server was interrupted.");
      if (timeout.aborted || error instanceof APIConnectionTimeoutError) {
        throw new ServerFault("timeout", `no reply within ${this.#timeoutMs / 1000} s`, { rest: true });
      }
      if (error instanceof ServerFault) throw error;
      throw this.#faultOf(error);
    }
  }

  #faultOf(error: unknown): ServerFault {
    if (error instanceof APIError && error.status !== undefined) return this.#statusFault(error as APIError);
    const message = this.#shown(error instanceof Error ? error.message : String(error));
    if (error instanceof APIConnectionError) {
      const reason = this.#shown(connectionReason(error));
      return new ServerFault("unreachable", `no connection (${reason})`, { rest: true });
    }
    // Without a status the library raises APIError for an error in the middle of a stream alone.
    if (error instanceof APIError)
      return new ServerFault("error in a stream", `an error in a stream: ${message}`);
    if (error instanceof SyntaxError)
      return new ServerFault("not JSON", "a reply that is not JSON, or is cut off");
    return new ServerFault("cut reply", `a reply that broke off (${message})`);
  }

  #statusFault(error: APIError): ServerFault {
    const status = error.status as number;
    const headers = error.headers;
    const message = this.#shown(
      error.message.startsWith(String(status)) ? error.message : `${status} ${error.message}`,
    );
    const retryAfterMs = retryAfter(headers);
    if (status === 408 || status === 409 || status === 429)
      return new ServerFault("busy", message, { rest: status === 429, retryAfterMs });
    if (status >= 500) return new ServerFault("server error", message, { rest: true, retryAfterMs });
    if (status >= 300 && status < 400) {
      const host = hostOf(headers?.get("location"), this.url);
      return new ServerFault("redirect", `${status}, a redirect to ${host}, which the key must not follow`, {
        retry: false,
      });
    }
    const hint = status === 401 || status === 403 ? `${message.replace(/\.$/, "")}; ${KEY_HINT}` : message;
    return new ServerFault("refused", hint, { retry: false });
  }

  #shown(message: string): string {
    const clean = this.#key?.redact(message) ?? message;
    return clean.length > SHOWN_CHARACTERS ? `${clean.slice(0, SHOWN_CHARACTERS)}…` : clean;
  }
}

async function collect(events: AsyncIterable<unknown>, stop: StopRule): Promise<WireReply> {
  const reply = new StreamedReply();
  for await (const event of events) {
    reply.add(event);
    // A response that has ended is whole: it is not asked about.
    if (!reply.finished && reply.logProbs.length > 0 && stop(reply.logProbs, reply.text))
      return { body: reply.body(), stopped: true };
  }
  return { body: reply.body(), stopped: false };
}

/** Milliseconds from `retry-after-ms` or `retry-after` in seconds; a date is left to our own back-off: the library reads no clock. */
function retryAfter(headers: Headers | undefined): number | undefined {
  const asked = [
    [headers?.get("retry-after-ms"), 1],
    [headers?.get("retry-after"), 1000],
  ] as const;
  for (const [value, unit] of asked) {
    const wait = Number(value) * unit;
    if (value && Number.isFinite(wait) && wait >= 0) return Math.min(wait, LONGEST_WAIT_MS);
  }
  return undefined;
}

function hostOf(location: string | null | undefined, base: string): string {
  return location && URL.canParse(location, base) ? new URL(location, base).host : "somewhere else";
}

/** The innermost reason, such as `connect ECONNREFUSED 127.0.0.1:8000`. */
function connectionReason(error: Error): string {
  let reason = error.message;
  for (let inner = error.cause; inner instanceof Error; inner = inner.cause)
    if (inner.message !== "") reason = inner.message;
  return reason;
}
