import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request to draw that went through. */
export interface Counted {
  readonly prompt: string;
  readonly seed: number;
  readonly temperature: number;
  readonly maxTokens: number;
  /** Greater than that of every earlier request, through whatever proxy. */
  readonly order: number;
  /** A whole reply of status 200 went back. */
  answered: boolean;
}

let requests = 0;

/** Stands before a server, and counts what is asked of it: what a client says it has asked is checked against this. */
export class CountingProxy {
  readonly asked: Counted[] = [];
  url = "";
  readonly #target: string;
  readonly #http = createServer((request, response) => void this.#pass(request, response));

  /** @param target the server's URL up to `/v1`. */
  constructor(target: string) {
    this.#target = target;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#http.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/v1`;
    return this;
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    const counted = request.method === "POST" ? this.#count(body) : undefined;
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    try {
      const reply = await fetch(this.#target + request.url!.replace(/^\/v1/, ""), {
        method: request.method!,
        headers: {
          "content-type": "application/json",
          authorization: request.headers.authorization ?? "",
        },
        ...(counted && { body }),
        signal: gone.signal,
      });
      response.writeHead(reply.status, { "content-type": reply.headers.get("content-type") ?? "" });
      for await (const part of reply.body ?? []) response.write(part);
      response.end();
      if (counted) counted.answered = reply.ok;
    } catch {
      // The server is gone, or the client: the other side is to see it.
      response.destroy();
    }
  }

  #count(body: string): Counted {
    const {
      prompt,
      seed,
      temperature,
      max_tokens: maxTokens,
    } = JSON.parse(body) as {
      readonly prompt: string;
      readonly seed: number;
      readonly temperature: number;
      readonly max_tokens: number;
    };
    const counted = { prompt, seed, temperature, maxTokens, order: ++requests, answered: false };
    this.asked.push(counted);
    return counted;
  }
}
