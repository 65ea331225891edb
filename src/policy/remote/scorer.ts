import type { ScoreRequest } from "../policy.js";
import { ServerFault } from "./fault.js";
import { promptTokensIn, readReply } from "./reply.js";
import type { Signals } from "./in-parallel.js";
import type { Ask } from "./request.js";

/** Sends an ask and reads its reply. */
type Send = <R>(
  what: string,
  ask: Ask,
  read: (body: unknown, served: string) => R,
  signals: Signals | undefined,
) => Promise<R | undefined>;

const NOTHING_DRAWN = { maxTokens: 1, temperature: 0, seed: 0 } as const;

/** Scores given responses: prompt and response go out as token ids, and come back with their log-probabilities. */
export class Scorer {
  readonly #send: Send;
  /** Responses to one prompt follow each other: its ids are asked for once. */
  #last: { readonly text: string; readonly ids: Promise<readonly number[]> } | undefined;

  constructor(send: Send) {
    this.#send = send;
  }

  /** log π(y_t | x, y_<t) in nats, at temperature 1: servers scale those of prompts by nothing. */
  async score({ prompt, tokens }: ScoreRequest, signals?: Signals): Promise<Float64Array> {
    if (tokens.length === 0) return new Float64Array();
    const what = `the prompt "${prompt.id}"`;
    const ids = await this.#promptIds(what, prompt.text, signals);
    const whole = [...ids, ...tokens];
    const read = (body: unknown, served: string): Float64Array => {
      const { logProbs } = readReply(body, { maxTokens: Infinity, model: served, ids: "none", echo: true });
      if (logProbs.length < whole.length) {
        throw new ServerFault(
          "counts differ",
          `${logProbs.length} log-probabilities for ${whole.length} given tokens`,
        );
      }
      return Float64Array.from(logProbs.slice(ids.length, whole.length));
    };
    return (await this.#send(what, { prompt: whole, echo: true, ...NOTHING_DRAWN }, read, signals))!;
  }

  #promptIds(what: string, text: string, signals: Signals | undefined): Promise<readonly number[]> {
    if (this.#last?.text === text) return this.#last.ids;
    const ids = this.#send(what, { prompt: text, ...NOTHING_DRAWN }, promptIds, signals).then(
      (found) => found!,
    );
    this.#last = { text, ids };
    ids.catch(() => (this.#last = undefined));
    return ids;
  }
}

function promptIds(body: unknown): readonly number[] {
  const ids = promptTokensIn(body);
  if (ids === undefined) throw new ServerFault("counts differ", "a reply without the prompt's token ids");
  return ids;
}
