import type { Ask, Dialect } from "./dialects/dialect.js";
import { ServerFault } from "./fault.js";
import { readReply } from "./reply.js";
import type { Signals } from "./in-parallel.js";

/** Sends an ask and reads its reply. */
type Send = <R>(
  what: string,
  ask: Ask,
  read: (body: unknown, models: readonly string[] | undefined) => R,
  signals: Signals | undefined,
) => Promise<R | undefined>;

const NOTHING_DRAWN = { maxTokens: 1, temperature: 0, seed: 0 } as const;

/** Scores given responses: prompt and response go out as token ids, and come back with their log-probabilities. */
export class Scorer {
  readonly #send: Send;
  /** Responses to one prompt follow each other: its ids are asked for once. */
  #last: { readonly text: string; readonly ids: Promise<readonly number[]> } | undefined;

  constructor(
    private readonly dialect: Dialect,
    send: Send,
  ) {
    this.#send = send;
  }

  /**
   * log π(y_t | x, y_<t) in nats, at temperature 1: servers scale those of prompts by nothing.
   * @param what names the prompt in errors. @param text what the response goes on from.
   */
  async score(
    what: string,
    text: string,
    tokens: readonly number[],
    signals?: Signals,
  ): Promise<Float64Array> {
    if (tokens.length === 0) return new Float64Array();
    const ids = await this.#promptIds(what, text, signals);
    const whole = [...ids, ...tokens];
    const read = (body: unknown, models: readonly string[] | undefined): Float64Array => {
      const expected = { maxTokens: Infinity, models, ids: "none", echo: true } as const;
      const { logProbs } = readReply(this.dialect, body, expected);
      if (logProbs.length < whole.length) {
        throw new ServerFault(
          "counts differ",
          `${logProbs.length} log-probabilities for ${whole.length} given tokens`,
        );
      }
      return Float64Array.from(logProbs.slice(ids.length, whole.length));
    };
    return (await this.#send(what, { prompt: { ids: whole }, echo: true, ...NOTHING_DRAWN }, read, signals))!;
  }

  #promptIds(what: string, text: string, signals: Signals | undefined): Promise<readonly number[]> {
    if (this.#last?.text === text) return this.#last.ids;
    const ids = this.#send(
      what,
      { prompt: { text }, ...NOTHING_DRAWN },
      (body) => this.#idsIn(body),
      signals,
    ).then((found) => found!);
    this.#last = { text, ids };
    ids.catch(() => (this.#last = undefined));
    return ids;
  }

  #idsIn(body: unknown): readonly number[] {
    const ids = this.dialect.promptIds(body);
    if (ids === undefined) throw new ServerFault("counts differ", "a reply without the prompt's token ids");
    return ids;
  }
}
