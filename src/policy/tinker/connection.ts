import { setTimeout as sleep } from "node:timers/promises";
import { fetch, type Dispatcher, type Headers } from "undici";
import { InterruptedError, ServerError } from "../../core/errors.js";
import { refusalText, type ApiKey } from "../remote/api-key.js";
import { ServerFault } from "../remote/fault.js";
import { connectionFault, retryAfterMs } from "../remote/transport-faults.js";
import { PROTOBUF } from "./wire.js";

/** Where a trainer listens, and how it is asked. */
export interface TinkerOptions {
  /** Such as `http://localhost:8300`. */
  readonly url: string;
  readonly key?: ApiKey | undefined;
  readonly dispatcher: Dispatcher;
  readonly signal?: AbortSignal | undefined;
  /** Asked before a request is sent again: why nobody will answer any more; undefined where somebody may. */
  readonly over?: (() => Promise<string | undefined>) | undefined;
  /** The first wait before a request is sent again, in milliseconds; doubled each time. Default 250. */
  readonly firstWaitMs?: number;
}

/** Of a request that fails in passing: some two minutes in all. */
const TRIES = 10;
const LONGEST_WAIT_MS = 30_000;
/** Of one request; a question for a result is held open for minutes. */
const LONGEST_MS = 600_000;
const SHOWN_CHARACTERS = 400;

/** A reply that has come whole. */
interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** A body that is sent. */
type Body = { readonly [field: string]: unknown } | Uint8Array;

interface Request {
  readonly method: string;
  /** On another host than the server's, the key is left out. */
  readonly url: string;
  readonly body?: Body;
  readonly signal?: AbortSignal | undefined;
}

/** A request that the server has understood and refused. */
export class Refusal extends ServerError {
  constructor(
    readonly status: number,
    /** The server's own words, without the key. */
    readonly said: string,
    url: string,
    /** The key that was sent. */
    key?: ApiKey,
  ) {
    super(`The trainer at ${url} refused a request: ${refusalText(status, said, key)}`, { where: url });
    this.name = "Refusal";
  }
}

/**
 * One server that speaks Tinker's protocol. What fails in passing is sent again, and a result that is late is asked for again, by its
 * number; what is sent twice under one number is done once.
 */
export class TinkerConnection {
  readonly #options: TinkerOptions;

  constructor(options: TinkerOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  /**
   * @param signal gives up this request alone.
   * @returns what the server says in JSON. @throws ServerError; Refusal; InterruptedError.
   */
  async post(route: string, body: Body, signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    return jsonOf(await this.#send({ method: "POST", url: this.#at(route), body, signal }), this.url);
  }

  async get(route: string): Promise<Readonly<Record<string, unknown>>> {
    return jsonOf(await this.#send({ method: "GET", url: this.#at(route) }), this.url);
  }

  /** Deletes what is there; nothing happens where it is not. */
  async delete(route: string): Promise<void> {
    try {
      await this.#send({ method: "DELETE", url: this.#at(route) });
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
    }
  }

  /** Bytes of a route, which may lead on to another place: the key does not go there. */
  async download(route: string): Promise<Uint8Array> {
    const reply = await this.#send({ method: "GET", url: this.#at(route) });
    const next = reply.headers.get("location");
    if (next === null) return reply.bytes;
    return (await this.#send({ method: "GET", url: new URL(next, this.url).href })).bytes;
  }

  /** What a request has come to: asked for until it is there. @throws Refusal where it failed. */
  async result(
    requestId: string,
    signal?: AbortSignal,
  ): Promise<{ readonly json: unknown } | { readonly bytes: Uint8Array }> {
    const url = this.#at("retrieve_future");
    for (;;) {
      const reply = await this.#send({ method: "POST", url, body: { request_id: requestId }, signal });
      if (reply.status === 408) continue;
      if ((reply.headers.get("content-type") ?? "").startsWith(PROTOBUF)) return { bytes: reply.bytes };
      const json = jsonOf(reply, this.url);
      if (json["type"] === "try_again") {
        await this.#wait(this.#firstWait, this.#signal(signal));
        continue;
      }
      if (typeof json["error"] === "string") throw new Refusal(400, this.#shown(json["error"]), this.url);
      return { json };
    }
  }

  get #firstWait(): number {
    return this.#options.firstWaitMs ?? 250;
  }

  #at(route: string): string {
    return `${this.url}/api/v1/${route}`;
  }

  #signal(own: AbortSignal | undefined): AbortSignal | undefined {
    const { signal } = this.#options;
    return signal && own ? AbortSignal.any([signal, own]) : (signal ?? own);
  }

  async #send(request: Request): Promise<Reply> {
    const signal = this.#signal(request.signal);
    for (let tries = 1; ; tries++) {
      let fault: ServerFault;
      try {
        return await this.#once(request, signal);
      } catch (error) {
        if (signal?.aborted) throw interrupted();
        if (!(error instanceof ServerFault)) throw error;
        fault = error;
      }
      const over = fault.retry && tries < TRIES ? await this.#options.over?.() : fault.message;
      if (over !== undefined)
        throw new ServerError(`The trainer at ${this.url} cannot be used: ${over}.`, {
          where: this.url,
          reason: "no-trainer",
        });
      const wait = Math.min(this.#firstWait * 2 ** (tries - 1), LONGEST_WAIT_MS);
      await this.#wait(fault.retryAfterMs ?? wait, signal);
    }
  }

  async #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await sleep(ms, undefined, signal ? { signal } : {});
    } catch {
      throw interrupted();
    }
  }

  /** One try, to the last byte of the reply. @throws ServerFault for what may be tried again; Refusal. */
  async #once({ method, url, body }: Request, signal: AbortSignal | undefined): Promise<Reply> {
    const { key, dispatcher } = this.#options;
    const own = new URL(url).host === new URL(this.url).host;
    const binary = body instanceof Uint8Array;
    const silence = AbortSignal.timeout(LONGEST_MS);
    let begun = false;
    try {
      const reply = await fetch(url, {
        method,
        headers: {
          accept: `${PROTOBUF}, application/json`,
          ...(body && { "content-type": binary ? PROTOBUF : "application/json" }),
          ...(key && own && { "x-api-key": key.reveal() }),
        },
        ...(body && { body: binary ? body : JSON.stringify(body) }),
        redirect: "manual",
        dispatcher,
        signal: signal ? AbortSignal.any([signal, silence]) : silence,
      });
      begun = true;
      const { status, headers } = reply;
      const bytes = new Uint8Array(await reply.arrayBuffer());
      // A held question whose answer is not there yet is no fault.
      const held = status === 408 && url.endsWith("/retrieve_future");
      if (reply.ok || status === 302 || status === 307 || held) return { status, headers, bytes };
      const said = this.#shown(detailIn(new TextDecoder().decode(bytes)));
      if (status === 408 || status === 425 || status === 429 || status >= 500)
        throw new ServerFault("server error", `${status} ${said}`, { retryAfterMs: retryAfterMs(headers) });
      throw new Refusal(status, said, this.url, own ? key : undefined);
    } catch (error) {
      if (error instanceof ServerFault || error instanceof Refusal) throw error;
      if (silence.aborted) throw new ServerFault("timeout", `no reply within ${LONGEST_MS / 1000} s`);
      throw connectionFault(error, begun, (text) => this.#shown(text));
    }
  }

  #shown(text: string): string {
    const clean = (this.#options.key?.redact(text) ?? text).replace(/[\s\p{Cc}]+/gu, " ").trim();
    return clean.length > SHOWN_CHARACTERS ? `${clean.slice(0, SHOWN_CHARACTERS)}…` : clean;
  }
}

/** What a server says went wrong. */
function detailIn(text: string): string {
  try {
    const body = JSON.parse(text) as { readonly detail?: unknown; readonly error?: unknown };
    const said = body.detail ?? body.error ?? text;
    return typeof said === "string" ? said : JSON.stringify(said);
  } catch {
    return text;
  }
}

const interrupted = (): InterruptedError => new InterruptedError("Training was interrupted.");

function jsonOf({ bytes }: Reply, url: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch {
    // As for a reply that is JSON but no object.
  }
  throw new ServerError(
    `The trainer at ${url} sent a reply that is not JSON: is it one that speaks Tinker's protocol?`,
    { where: url },
  );
}
