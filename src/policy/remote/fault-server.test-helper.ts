import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  TinyServerModel,
  type AskedBody,
  type Drawn,
  type ServerTraits,
} from "./tiny-server-model.test-helper.js";

/** What the server does wrong, in place of one reply. */
export type Misdeed = ReplyMisdeed | StreamMisdeed;

/** Those of a reply that comes whole. */
export type ReplyMisdeed =
  | "408"
  | "409"
  | "429"
  | "429 until a date"
  | "500"
  | "503"
  | "502 in HTML"
  | "400"
  | "401 that repeats the key"
  | "429 that repeats the key"
  | "reset"
  | "stall"
  | "stall in a body"
  | "redirect"
  | "HTML with status 200"
  | "empty body"
  | "half a body"
  | "cut body"
  | "error in a 200"
  | "no choices"
  | "two choices"
  | "no text"
  | "null log-probabilities"
  | "no log-probabilities"
  | "a null log-probability"
  | "a positive log-probability"
  | "NaN for a log-probability"
  | "fewer log-probabilities than tokens"
  | "fewer ids than tokens"
  | "no finish reason"
  | "aborted"
  | "content filter"
  | "too many tokens"
  | "wrong model"
  | "the key in the text";

/** Those of a stream. */
export type StreamMisdeed =
  | "stream without a finish"
  | "stream without an end"
  | "cut stream"
  | "stalled stream"
  | "error in a stream"
  | "broken event in a stream"
  | "stream without log-probabilities"
  | "a null log-probability in a stream"
  | "stream of another model"
  | "aborted stream";

/**
 * An OpenAI-compatible server of a small language model that is really there. It can be told to fail in every way that servers
 * do.
 */
export class FaultServer {
  /** Taken from the front, one for each request to draw. */
  readonly misdeeds: Misdeed[] = [];
  /** What every request meets once those are used up. */
  always: Misdeed | undefined;
  /** Where a redirect leads. */
  elsewhere = "http://elsewhere.invalid/v1/completions";
  /** Bodies of the requests to draw, in order. */
  readonly asked: AskedBody[] = [];
  /** The Authorization headers that came, on any route. */
  readonly authorizations = new Set<string | undefined>();
  /** Replies that were sent whole. */
  replies = 0;
  /** Requests under way, and the most there ever were. */
  busy = 0;
  mostBusy = 0;
  url = "";
  readonly #traits: ServerTraits;
  readonly #model: TinyServerModel;
  readonly #http = createServer((request, response) => void this.#handle(request, response));

  constructor(traits: ServerTraits = {}) {
    this.#traits = traits;
    this.#model = new TinyServerModel(traits);
  }

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#http.listen(port, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/v1`;
    return this;
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.authorizations.add(request.headers.authorization);
    if (request.url === "/v1/models") {
      send(response, 200, {
        data: (this.#traits.models ?? ["tiny"]).map((id) => ({ id, owned_by: this.#traits.owner ?? "vllm" })),
      });
      return;
    }
    const ask = JSON.parse(Buffer.concat(chunks).toString("utf8")) as AskedBody;
    this.asked.push(ask);
    this.mostBusy = Math.max(this.mostBusy, ++this.busy);
    const { delayMs = 0 } = this.#traits;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.busy--;
    const misdeed = this.misdeeds.shift() ?? this.always;
    if (misdeed !== undefined && this.#fail(misdeed, ask, request, response)) return;
    if (ask.echo && this.#traits.echo === "refused") send(response, 400, { error: { message: "no echo" } });
    else if (ask.stream) this.#stream(ask, misdeed, response);
    else send(response, 200, this.#body(ask, misdeed, request.headers.authorization));
    this.replies++;
  }

  /** Whether the misdeed is a reply of its own. */
  #fail(misdeed: Misdeed, ask: AskedBody, request: IncomingMessage, response: ServerResponse): boolean {
    const { authorization } = request.headers;
    const json = { "content-type": "application/json" };
    const whole = (): string => JSON.stringify(this.#body(ask, undefined));
    const status = /^\d{3}/.exec(misdeed)?.[0];
    if (misdeed === "502 in HTML") {
      response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    } else if (status !== undefined) {
      const message = misdeed.includes("key") ? repeating(authorization) : "try again";
      send(response, Number(status), { error: { message } }, RETRY_AFTER[misdeed]);
    } else if (misdeed === "reset") request.socket.destroy();
    else if (misdeed === "stall in a body") response.writeHead(200, json).write(whole().slice(0, 40));
    else if (misdeed === "redirect") response.writeHead(307, { location: this.elsewhere }).end();
    else if (misdeed === "HTML with status 200")
      response.writeHead(200, { "content-type": "text/html" }).end("<p>Please log in</p>");
    else if (misdeed === "empty body") response.writeHead(200, json).end();
    else if (misdeed === "half a body") response.writeHead(200, json).end(whole().slice(0, 40));
    else if (misdeed === "cut body") {
      response.writeHead(200, { ...json, "content-length": whole().length });
      response.write(whole().slice(0, 40), () => request.socket.destroy());
    } else if (misdeed === "NaN for a log-probability") {
      // As Python's json writes it.
      response.writeHead(200, json).end(whole().replace(/("token_logprobs":\[)[^,\]]+/, "$1NaN"));
    } else if (misdeed === "error in a 200") send(response, 200, { error: { message: "out of memory." } });
    else return misdeed === "stall";
    return true;
  }

  #body(ask: AskedBody, misdeed: Misdeed | undefined, authorization?: string): Record<string, unknown> {
    const words = this.#model.wordsOf(ask);
    const echoed = this.#model.echoed(words);
    const endless = misdeed === "too many tokens";
    const longest = { ...ask, max_tokens: ask.max_tokens + (endless ? 1 : 0) };
    const drawn = this.#model.draw(longest, words.join(""), endless);
    const text = (misdeed === "the key in the text" ? `${authorization}` : "") + drawn.words.join("");
    const whole: Drawn = ask.echo
      ? {
          words: [...echoed.words, ...drawn.words],
          ids: [...echoed.ids, ...drawn.ids],
          logProbs: [...echoed.logProbs, ...drawn.logProbs],
          top: [...echoed.top, ...drawn.top],
          finish: drawn.finish,
        }
      : drawn;
    const choice = {
      ...this.#choice(ask, whole, ask.echo ? words.join("") + text : text, misdeed),
      prompt_token_ids: echoed.ids,
    };
    const asked = this.#traits.severalChoices ? (ask.n ?? 1) : 1;
    const copies = misdeed === "no choices" ? 0 : misdeed === "two choices" ? 2 : asked;
    return {
      ...this.#named(misdeed === "wrong model" ? "another" : ask.model),
      choices: Array.from({ length: copies }, (_, index) => ({ index, ...choice })),
      usage: {
        prompt_tokens: words.length,
        completion_tokens: drawn.ids.length,
        total_tokens: words.length + drawn.ids.length,
      },
    };
  }

  #named(model: string): { readonly model?: string } {
    const { names } = this.#traits;
    return names === "none" ? {} : { model: names === undefined ? model : `${model}-${this.asked.length}` };
  }

  #choice(
    ask: AskedBody,
    { words, ids, logProbs, top, finish }: Drawn,
    text: string,
    misdeed: Misdeed | undefined,
  ): Record<string, unknown> {
    const values = [...logProbs];
    if (misdeed?.startsWith("a null log-probability")) values[values.length - 1] = null;
    if (misdeed === "a positive log-probability") values[values.length - 1] = 0.5;
    if (misdeed === "fewer log-probabilities than tokens") values.pop();
    const legacy = { tokens: words, token_logprobs: values, top_logprobs: top };
    const content = words.map((token, at) => ({
      token,
      logprob: values[at] ?? null,
      top_logprobs: Object.entries(top[at] ?? {}).map(([other, logprob]) => ({ token: other, logprob })),
    }));
    const shown = misdeed === "no text" ? undefined : text;
    const told = misdeed === "fewer ids than tokens" ? ids.slice(1) : ids;
    const silent = misdeed === "no log-probabilities" || misdeed === "stream without log-probabilities";
    return {
      ...(ask.messages ? { message: this.#message(shown) } : { text: shown }),
      ...(!silent && {
        logprobs: misdeed === "null log-probabilities" ? null : ask.messages ? { content } : legacy,
      }),
      finish_reason: this.#ended(finishOf(misdeed, finish)),
      ...(ask.return_token_ids && this.#traits.ids !== false && { token_ids: told }),
    };
  }

  #ended(finish: string | null): string | null {
    return finish === "stop" ? (this.#traits.stopped ?? finish) : finish;
  }

  #message(text: string | undefined): Record<string, unknown> {
    const [, thought, content] = /^(\s*\S+)(.*)$/s.exec(text ?? "") ?? [];
    if (!this.#traits.thinks || thought === undefined) return { role: "assistant", content: text };
    return { role: "assistant", reasoning_content: thought, content: content === "" ? null : content };
  }

  /** One event for each token, and one that ends; the last reports usage. */
  #stream(ask: AskedBody, misdeed: Misdeed | undefined, response: ServerResponse): void {
    const prompt = this.#model.wordsOf(ask);
    const { words, ids, logProbs, top, finish } = this.#model.draw(ask, prompt.join(""));
    const named = this.#named(misdeed === "stream of another model" ? "another" : ask.model);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const event = (value: unknown): void => void response.write(`data: ${JSON.stringify(value)}\n\n`);
    words.forEach((word, at) => {
      const one: Drawn = {
        words: [word],
        ids: [ids[at]!],
        logProbs: [logProbs[at]!],
        top: [top[at]!],
        finish: null,
      };
      const whole = this.#choice(ask, one, word, misdeed);
      const thought = at === 0 && this.#traits.thinks ? { reasoning_content: word } : { content: word };
      const delta = ask.messages ? { message: undefined, delta: thought } : {};
      event({ ...named, choices: [{ index: 0, ...whole, ...delta, finish_reason: null }] });
    });
    if (misdeed === "stalled stream") return;
    if (misdeed === "cut stream") {
      response.write(": more to come\n\n", () => response.socket?.destroy());
      return;
    }
    if (misdeed === "stream without an end") {
      response.end();
      return;
    }
    if (misdeed === "error in a stream") event({ error: { message: "out of memory" } });
    else if (misdeed === "broken event in a stream") response.write('data: {"model": "ti\n\n');
    else if (misdeed !== "stream without a finish")
      event({
        ...named,
        choices: [{ index: 0, text: "", finish_reason: this.#ended(finishOf(misdeed, finish)) }],
      });
    const usage = { prompt_tokens: prompt.length, completion_tokens: ids.length };
    event({ ...named, choices: [], usage });
    response.end("data: [DONE]\n\n");
  }
}

const RETRY_AFTER: Readonly<Record<string, Record<string, string>>> = {
  "429": { "retry-after": "7" },
  "429 until a date": {
    "retry-after": "Sun, 06 Nov 1994 08:49:46 GMT",
    date: "Sun, 06 Nov 1994 08:49:37 GMT",
  },
};

/** Says the key in every way that a server's log might. */
function repeating(authorization: string | undefined): string {
  const key = `${authorization?.replace("Bearer ", "")}`;
  const forms = [key, `user:${key}`].flatMap((text) =>
    (["base64", "base64url"] as const).map((form) => Buffer.from(text).toString(form)),
  );
  return `Incorrect key: ${authorization}, ${encodeURIComponent(key)}, ${forms.join(", ")}`;
}

function finishOf(misdeed: Misdeed | undefined, finish: string | null): string | null {
  if (misdeed === "no finish reason") return null;
  if (misdeed === "content filter") return "content_filter";
  return misdeed === "aborted" || misdeed === "aborted stream" ? "abort" : finish;
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
