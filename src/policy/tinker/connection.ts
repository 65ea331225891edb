import { setTimeout as sleep } from "node:timers/promises";
import { fetch, type Dispatcher, type Response } from "undici";
import { InterruptedError, ServerError } from "../../core/errors.js";
import type { ApiKey } from "../remote/api-key.js";
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
  /** The first wait before a request is sent again, in milliseconds; doubled each time. Default 250. */
  readonly firstWaitMs?: number;
}

/** Of a request that fails in passing: some two minutes in all. */
const TRIES = 10;
const LONGEST_WAIT_MS = 30_000;
/** Of one request; a question for a result is held open for minutes. */
const LONGEST_MS = 600_000;
const SHOWN_CHARACTERS = 400;

/** A body that is sent. */
type Body = { readonly [field: string]: unknown } | Uint8Array;

/** A request that the server has understood and refused. */
export class Refusal extends ServerError {
  constructor(
    readonly status: number,
    /** The server's own words, without the key. */
    readonly said: string,
    url: string,
  ) {
    super(`The trainer at ${url} refused a request: ${status} ${said}`, { where: url });
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

  /** @returns what the server says in JSON. @throws ServerError; Refusal; InterruptedError. */
  async post(route: string, body: Body): Promise<Readonly<Record<string, unknown>>> {
    return jsonOf(await this.#send("POST", `/api/v1/${route}`, body), this.url);
  }

  async get(route: string): Promise<Readonly<Record<string, unknown>>> {
    return jsonOf(await this.#send("GET", `/api/v1/${route}`), this.url);
  }

  /** Deletes what is there; nothing happens where it is not. */
  async delete(route: string): Promise<void> {
    try {
      await this.#send("DELETE", `/api/v1/${route}`);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
    }
  }

  /** Bytes of a route, which may lead on to another place: the key does not go there. */
  async download(route: string): Promise<Uint8Array> {
    const reply = await this.#send("GET", `/api/v1/${route}`);
    const next = reply.headers.get("location");
    if (next === null) return new Uint8Array(await reply.arrayBuffer());
    const target = new URL(next, this.url);
    const own = target.host === new URL(this.url).host;
    return new Uint8Array(await (await this.#sendTo("GET", target.href, undefined, own)).arrayBuffer());
  }

  /** What a request has come to: asked for until it is there. @throws Refusal where it failed. */
  async result(requestId: string): Promise<{ readonly json: unknown } | { readonly bytes: Uint8Array }> {
    for (;;) {
      const reply = await this.#send("POST", "/api/v1/retrieve_future", { request_id: requestId });
      if (reply.status === 408) continue;
      if ((reply.headers.get("content-type") ?? "").startsWith(PROTOBUF))
        return { bytes: new Uint8Array(await reply.arrayBuffer()) };
      const json = await jsonOf(reply, this.url);
      if (json["type"] === "try_again") {
        await this.#wait(this.#firstWait);
        continue;
      }
      if (typeof json["error"] === "string") throw new Refusal(400, this.#shown(json["error"]), this.url);
      return { json };
    }
  }

  get #firstWait(): number {
    return this.#options.firstWaitMs ?? 250;
  }

  #send(method: string, path: string, body?: Body): Promise<Response> {
    return this.#sendTo(method, `${this.url}${path}`, body, true);
  }

  async #sendTo(method: string, url: string, body: Body | undefined, withKey: boolean): Promise<Response> {
    for (let tries = 1; ; tries++) {
      let fault: ServerFault;
      try {
        return await this.#once(method, url, body, withKey);
      } catch (error) {
        if (this.#options.signal?.aborted) throw new InterruptedError("Training was interrupted.");
        if (!(error instanceof ServerFault)) throw error;
        fault = error;
      }
      if (!fault.retry || tries === TRIES)
        throw new ServerError(`The trainer at ${this.url} cannot be used: ${fault.message}.`, {
          where: this.url,
          reason: "no-trainer",
        });
      await this.#wait(fault.retryAfterMs ?? Math.min(this.#firstWait * 2 ** (tries - 1), LONGEST_WAIT_MS));
    }
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#options;
    try {
      await sleep(ms, undefined, signal ? { signal } : {});
    } catch {
      throw new InterruptedError("Training was interrupted.");
    }
  }

  async #once(method: string, url: string, body: Body | undefined, withKey: boolean): Promise<Response> {
    const { key, dispatcher, signal } = this.#options;
    const binary = body instanceof Uint8Array;
    const silence = AbortSignal.timeout(LONGEST_MS);
    let reply: Response;
    try {
      reply = await fetch(url, {
        method,
        headers: {
          accept: `${PROTOBUF}, application/json`,
          ...(body && { "content-type": binary ? PROTOBUF : "application/json" }),
          ...(key && withKey && { "x-api-key": key.reveal() }),
        },
        ...(body && { body: binary ? body : JSON.stringify(body) }),
        redirect: "manual",
        dispatcher,
        signal: signal ? AbortSignal.any([signal, silence]) : silence,
      });
      const { status } = reply;
      // A held question whose answer is not there yet is no fault.
      if (reply.ok || status === 302 || status === 307) return reply;
      if (status === 408 && url.endsWith("/retrieve_future")) {
        await reply.arrayBuffer();
        return reply;
      }
      const said = this.#shown(detailIn(await reply.text()));
      if (status === 408 || status === 425 || status === 429 || status >= 500)
        throw new ServerFault("server error", `${status} ${said}`, {
          retryAfterMs: retryAfterMs(reply.headers),
        });
      throw new Refusal(status, said, this.url);
    } catch (error) {
      if (error instanceof ServerFault || error instanceof Refusal) throw error;
      if (silence.aborted) throw new ServerFault("timeout", `no reply within ${LONGEST_MS / 1000} s`);
      throw connectionFault(error, (text) => this.#shown(text));
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

async function jsonOf(reply: Response, url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const body = await reply.json();
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch {
    // As for a reply that is JSON but no object.
  }
  throw new ServerError(
    `The trainer at ${url} sent a reply that is not JSON: is it one that speaks Tinker's protocol?`,
    {
      where: url,
    },
  );
}
