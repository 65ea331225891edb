import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { rootCertificates } from "node:tls";
import { createParser } from "eventsource-parser";
import { EnvHttpProxyAgent, request, type Dispatcher } from "undici";
import type { ApiKey } from "./api-key.js";
import { decoded } from "./content-encoding.js";
import { ServerFault } from "./fault.js";
import { connectionFault, retryAfterMs, statusFault } from "./transport-faults.js";

/**
 * How servers are reached: through the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name.
 * @param ca certificates in PEM that are trusted beside the usual ones.
 */
export function dispatcherFor(ca?: string): Dispatcher {
  const tls = ca === undefined ? undefined : { ca: [...rootCertificates, ca] };
  return new EnvHttpProxyAgent({
    // The longest wait is the connection's own; undici would give up on a reply's beginning after 300 s.
    headersTimeout: 0,
    bodyTimeout: 0,
    // A server without TLS is asked through the proxy itself, as curl does: proxies refuse tunnels to ports other than 443.
    proxyTunnel: false,
    ...(tls && { connect: tls, requestTls: tls, proxyTls: tls }),
  });
}

/**
 * JSON over HTTP to one server. Redirects are not followed: the key goes nowhere but to the URL that was named. Everything that goes
 * wrong is a ServerFault without the key; nothing is sent twice.
 */
export class Transport {
  constructor(
    readonly url: string,
    private readonly key: ApiKey | undefined,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** @returns what the server says in JSON. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    return this.#json(await this.#send(path, undefined, signal));
  }

  /** @returns what the server says in JSON. */
  async post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return this.#json(await this.#send(path, body, signal));
  }

  /** @returns the text that the server says. */
  async tell(path: string, body: object, signal: AbortSignal): Promise<string> {
    return this.#text(await this.#send(path, body, signal));
  }

  /** The events of a reply that comes as a stream, each in JSON, up to `[DONE]`. */
  async *stream(path: string, body: object, signal: AbortSignal): AsyncGenerator<unknown> {
    const reply = await this.#send(path, body, signal);
    const events: string[] = [];
    const parser = createParser({ onEvent: ({ data }) => events.push(data) });
    const decoder = new TextDecoder();
    try {
      for await (const chunk of reply) {
        parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
        for (const data of events.splice(0)) {
          if (data.trim() === "[DONE]") return;
          yield this.#event(data);
        }
      }
    } catch (error) {
      throw this.#faultOf(error, true);
    }
  }

  async #send(path: string, body: object | undefined, signal: AbortSignal): Promise<Readable> {
    let reply: Dispatcher.ResponseData;
    try {
      reply = await request(`${this.url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(this.key && { authorization: `Bearer ${this.key.reveal()}` }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal,
        dispatcher: this.dispatcher,
      });
    } catch (error) {
      throw this.#faultOf(error, false);
    }
    const { statusCode: status } = reply;
    const header = (name: string): string | null => [reply.headers[name] ?? []].flat()[0] ?? null;
    const whole = decoded(reply.body, header("content-encoding"));
    if (status >= 200 && status < 300) return whole;
    const said = await text(whole).catch(() => "");
    throw statusFault(status, {
      said: this.#shown(messageIn(said)),
      retryAfterMs: retryAfterMs({ get: header }),
      location: header("location"),
      url: this.url,
    });
  }

  async #text(body: Readable): Promise<string> {
    try {
      return await text(body);
    } catch (error) {
      throw this.#faultOf(error, true);
    }
  }

  async #json(body: Readable): Promise<unknown> {
    const whole = await this.#text(body);
    try {
      return JSON.parse(whole) as unknown;
    } catch {
      throw new ServerFault("not JSON", "a reply that is not JSON, or is cut off");
    }
  }

  #event(data: string): unknown {
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      throw new ServerFault("not JSON", "a reply that is not JSON, or is cut off");
    }
    if (typeof event === "object" && event !== null && "error" in event && event.error) {
      throw new ServerFault("error in a stream", `an error in a stream: ${this.#shown(messageIn(data))}`);
    }
    return event;
  }

  #faultOf(error: unknown, begun: boolean): ServerFault {
    return error instanceof ServerFault ? error : connectionFault(error, begun, (text) => this.#shown(text));
  }

  #shown(message: string): string {
    const clean = (this.key?.redact(message) ?? message).replace(/[\s\p{Cc}]+/gu, " ").trim();
    return clean.length > SHOWN_CHARACTERS ? `${clean.slice(0, SHOWN_CHARACTERS)}…` : clean;
  }
}

const SHOWN_CHARACTERS = 300;

/** What a server says went wrong: OpenAI's `error.message`, its relatives, or the text itself. */
function messageIn(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return text;
  }
  for (const place of ["error", "message", "detail"]) {
    if (typeof body !== "object" || body === null || !(place in body)) continue;
    const said = (body as Record<string, unknown>)[place];
    if (typeof said === "string") return said;
    if (typeof said === "object" && said !== null && "message" in said && typeof said.message === "string")
      return said.message;
    return JSON.stringify(said);
  }
  return text;
}
