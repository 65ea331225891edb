import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { hash32, randomStream } from "../../core/random.js";

/** What the server does wrong, in place of one reply. */
export type Misdeed =
  | "408"
  | "409"
  | "429"
  | "500"
  | "503"
  | "400"
  | "401 that repeats the key"
  | "reset"
  | "stall"
  | "redirect"
  | "HTML with status 200"
  | "half a body"
  | "error in a 200"
  | "no choices"
  | "two choices"
  | "no text"
  | "null log-probabilities"
  | "a null log-probability"
  | "a positive log-probability"
  | "fewer log-probabilities than tokens"
  | "fewer ids than tokens"
  | "no finish reason"
  | "content filter"
  | "too many tokens"
  | "wrong model"
  | "the key in the text"
  | "stream without a finish"
  | "error in a stream";

/** How the server departs from vLLM, whose fields it has otherwise. */
export interface ServerTraits {
  readonly owner?: string;
  /** Default true: token ids are told, and taken. */
  readonly ids?: boolean;
  /** Default true: the end token has a log-probability. */
  readonly endToken?: boolean;
  /** Log-probabilities are divided by the temperature. Default false. */
  readonly processed?: boolean;
  /** Default `right`. */
  readonly echo?: "right" | "shifted" | "refused";
  readonly severalChoices?: boolean;
  /** Changes the weights. */
  readonly weights?: number;
  /** Each reply takes so long. Default 0. */
  readonly delayMs?: number;
}

const WORDS = [" red", " green", " blue", " white"] as const;
const END = WORDS.length;
/** A prompt that most often has the empty response. */
export const NOTHING = "Say nothing:";
/** Ids from here on are words of prompts. */
const FIRST_PROMPT_ID = 100;

interface Ask {
  readonly model: string;
  readonly prompt?: string | readonly number[];
  readonly messages?: readonly { readonly content: string }[];
  readonly max_tokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly logprobs: number | boolean;
  readonly top_logprobs?: number;
  readonly n?: number;
  readonly echo?: boolean;
  readonly stream?: boolean;
  readonly return_token_ids?: boolean;
}

interface Drawn {
  readonly words: string[];
  readonly ids: number[];
  readonly logProbs: (number | null)[];
  readonly top: (Record<string, number> | null)[];
  finish: string | null;
}

/**
 * An OpenAI-compatible server of a small language model that is really there: each conditional is a distribution over four
 * words and the end, fixed by the text before it. It can be told to fail in every way that servers do.
 */
export class FaultServer {
  /** Taken from the front, one for each request to draw. */
  readonly misdeeds: Misdeed[] = [];
  /** Bodies of the requests to draw, in order. */
  readonly asked: Ask[] = [];
  /** The Authorization headers that came, on any route. */
  readonly authorizations = new Set<string | undefined>();
  /** Replies that were sent whole. */
  replies = 0;
  /** Requests under way, and the most there ever were. */
  busy = 0;
  mostBusy = 0;
  url = "";
  readonly #traits: ServerTraits;
  readonly #promptWords: string[] = [];
  readonly #http = createServer((request, response) => void this.#handle(request, response));

  constructor(traits: ServerTraits = {}) {
    this.#traits = traits;
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
      send(response, 200, { data: [{ id: "tiny", owned_by: this.#traits.owner ?? "vllm" }] });
      return;
    }
    const ask = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Ask;
    this.asked.push(ask);
    this.mostBusy = Math.max(this.mostBusy, ++this.busy);
    const { delayMs = 0 } = this.#traits;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.busy--;
    const misdeed = this.misdeeds.shift();
    if (misdeed !== undefined && this.#fail(misdeed, request, response)) return;
    if (ask.echo && this.#traits.echo === "refused") send(response, 400, { error: { message: "no echo" } });
    else if (ask.stream) this.#stream(ask, misdeed, response);
    else send(response, 200, this.#body(ask, misdeed, request));
    this.replies++;
  }

  /** Whether the misdeed is a reply of its own. */
  #fail(misdeed: Misdeed, request: IncomingMessage, response: ServerResponse): boolean {
    const status = /^\d{3}/.exec(misdeed)?.[0];
    if (status !== undefined) {
      const message = misdeed.includes("key")
        ? `Incorrect key: ${request.headers.authorization}`
        : "try again";
      send(response, Number(status), { error: { message } }, status === "429" ? { "retry-after": "7" } : {});
      return true;
    }
    switch (misdeed) {
      case "reset":
        request.socket.destroy();
        return true;
      case "stall":
        return true;
      case "redirect":
        response.writeHead(307, { location: "http://elsewhere.invalid/v1/completions" }).end();
        return true;
      case "HTML with status 200":
        response.writeHead(200, { "content-type": "text/html" }).end("<p>Please log in</p>");
        return true;
      case "half a body":
        response.writeHead(200, { "content-type": "application/json" }).end('{"model": "tiny", "choi');
        return true;
      case "error in a 200":
        send(response, 200, { error: { message: "out of memory" } });
        return true;
      default:
        return false;
    }
  }

  #conditional(context: string): Float64Array {
    const stream = randomStream(hash32(context) + (this.#traits.weights ?? 0), "model");
    const logits = Float64Array.from({ length: END + 1 }, () => 1.5 * stream.normal());
    // A response rarely begins with its end, except where it is asked to.
    if (!WORDS.some((word) => context.endsWith(word))) logits[END]! += context.endsWith(NOTHING) ? 3 : -6;
    const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
    return logits.map((value) => value - total);
  }

  #draw(ask: Ask, context: string, endless = false): Drawn {
    const stream = randomStream(ask.seed, "draw");
    const drawn: Drawn = { words: [], ids: [], logProbs: [], top: [], finish: "length" };
    let text = context;
    for (let at = 0; at < ask.max_tokens; at++) {
      const row = this.#conditional(text);
      if (endless) row[END] = -Infinity;
      const id =
        ask.temperature === 0 ? row.indexOf(Math.max(...row)) : pick(row, ask.temperature, stream.next());
      if (id !== END || this.#traits.endToken !== false) this.#record(drawn, id, row, ask);
      if (id === END) {
        drawn.finish = "stop";
        break;
      }
      text += WORDS[id]!;
    }
    return drawn;
  }

  #record(
    drawn: Drawn,
    id: number,
    row: Float64Array,
    { temperature, logprobs, top_logprobs: count }: Ask,
  ): void {
    const scaled = this.#traits.processed && temperature > 0 ? tempered(row, temperature) : row;
    const word = WORDS[id] ?? "";
    const shown = typeof logprobs === "number" ? logprobs : (count ?? 0);
    const order = [...scaled.keys()].sort((a, b) => scaled[b]! - scaled[a]!).slice(0, shown);
    drawn.words.push(word);
    drawn.ids.push(id);
    drawn.logProbs.push(scaled[id]!);
    drawn.top.push(
      Object.fromEntries([...order, id].map((other) => [WORDS[other] ?? "<end>", scaled[other]!])),
    );
  }

  /** The prompt's words, as ids and with the log-probabilities that generation would give them. */
  #prompt(words: readonly string[]): Drawn {
    const echoed: Drawn = { words: [], ids: [], logProbs: [], top: [], finish: null };
    words.forEach((word, at) => {
      const before = words.slice(0, this.#traits.echo === "shifted" ? at + 1 : at).join("");
      const id = this.#idOf(word);
      echoed.words.push(word);
      echoed.ids.push(id);
      echoed.logProbs.push(at === 0 ? null : id <= END ? this.#conditional(before)[id]! : -12);
      echoed.top.push(null);
    });
    return echoed;
  }

  #idOf(word: string): number {
    const known = (WORDS as readonly string[]).indexOf(word);
    if (known >= 0) return known;
    if (word === "") return END;
    if (!this.#promptWords.includes(word)) this.#promptWords.push(word);
    return FIRST_PROMPT_ID + this.#promptWords.indexOf(word);
  }

  #wordsOf({ prompt, messages }: Ask): string[] {
    if (Array.isArray(prompt)) {
      return (prompt as number[]).map((id) =>
        id === END ? "" : (WORDS[id] ?? this.#promptWords[id - FIRST_PROMPT_ID]!),
      );
    }
    const text = messages ? messages.map(({ content }) => content).join("\n") : (prompt as string);
    return text.match(/\s*\S+|\s+$/g) ?? [];
  }

  #body(ask: Ask, misdeed: Misdeed | undefined, request?: IncomingMessage): Record<string, unknown> {
    const words = this.#wordsOf(ask);
    const echoed = this.#prompt(words);
    const endless = misdeed === "too many tokens";
    const drawn = this.#draw(
      { ...ask, max_tokens: ask.max_tokens + (endless ? 1 : 0) },
      words.join(""),
      endless,
    );
    const text =
      (misdeed === "the key in the text" ? `${request?.headers.authorization}` : "") + drawn.words.join("");
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
    const copies =
      misdeed === "no choices"
        ? 0
        : misdeed === "two choices"
          ? 2
          : this.#traits.severalChoices
            ? (ask.n ?? 1)
            : 1;
    return {
      model: misdeed === "wrong model" ? "another" : ask.model,
      choices: Array.from({ length: copies }, (_, index) => ({ index, ...choice })),
      usage: {
        prompt_tokens: words.length,
        completion_tokens: drawn.ids.length,
        total_tokens: words.length + drawn.ids.length,
      },
    };
  }

  #choice(
    ask: Ask,
    { words, ids, logProbs, top, finish }: Drawn,
    text: string,
    misdeed: Misdeed | undefined,
  ): Record<string, unknown> {
    const values = [...logProbs];
    if (misdeed === "a null log-probability") values[values.length - 1] = null;
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
    return {
      ...(ask.messages ? { message: { role: "assistant", content: shown } } : { text: shown }),
      logprobs: misdeed === "null log-probabilities" ? null : ask.messages ? { content } : legacy,
      finish_reason:
        misdeed === "no finish reason" ? null : misdeed === "content filter" ? "content_filter" : finish,
      ...(ask.return_token_ids && this.#traits.ids !== false && { token_ids: told }),
    };
  }

  /** One event for each token, and one that ends. */
  #stream(ask: Ask, misdeed: Misdeed | undefined, response: ServerResponse): void {
    const { words, ids, logProbs, top, finish } = this.#draw(ask, this.#wordsOf(ask).join(""));
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
      event({ model: ask.model, choices: [{ index: 0, ...this.#choice(ask, one, word, undefined) }] });
    });
    if (misdeed === "error in a stream") event({ error: { message: "out of memory" } });
    else if (misdeed !== "stream without a finish")
      event({ model: ask.model, choices: [{ index: 0, text: "", finish_reason: finish }] });
    response.end("data: [DONE]\n\n");
  }
}

function tempered(row: Float64Array, temperature: number): Float64Array {
  const scaled = row.map((value) => value / temperature);
  const total = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value), 0));
  return scaled.map((value) => value - total);
}

function pick(row: Float64Array, temperature: number, uniform: number): number {
  let cumulative = 0;
  const id = tempered(row, temperature).findIndex((value) => (cumulative += Math.exp(value)) > uniform);
  return id < 0 ? row.length - 1 : id;
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
