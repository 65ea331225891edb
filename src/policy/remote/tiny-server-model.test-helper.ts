import { hash32, randomStream } from "../../core/random.js";

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
  /** The models that it lists; default `tiny`. */
  readonly models?: readonly string[];
  /** How it names the model in its replies. Default: as it was asked for. */
  readonly names?: "none" | "another each time";
  /** What it calls an end; default `stop`. */
  readonly stopped?: string;
  /** Of a conversation: the first word is thinking, told apart; a response of one word has no content at all. */
  readonly thinks?: boolean;
  /** Each reply takes so long. Default 0. */
  readonly delayMs?: number;
}

/** The body of a request to draw. */
export interface AskedBody {
  readonly stop?: readonly string[];
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

/** A response, or a prompt given back, token by token. */
export interface Drawn {
  readonly words: string[];
  readonly ids: number[];
  readonly logProbs: (number | null)[];
  readonly top: (Record<string, number> | null)[];
  finish: string | null;
}

const WORDS = [" red", " green", " blue", " white"] as const;
const END = WORDS.length;
/** A prompt that most often has the empty response. */
export const NOTHING = "Say nothing:";
/** Ids from here on are words of prompts. */
const FIRST_PROMPT_ID = 100;

/**
 * A language model that is really there: each conditional is a distribution over four words and the end, fixed by the text
 * before it.
 */
export class TinyServerModel {
  readonly #traits: ServerTraits;
  readonly #promptWords: string[] = [];

  constructor(traits: ServerTraits) {
    this.#traits = traits;
  }

  /** @param endless the end is never drawn. */
  draw(ask: AskedBody, context: string, endless = false): Drawn {
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

  /** A prompt's words, as ids and with the log-probabilities that generation would give them. */
  echoed(words: readonly string[]): Drawn {
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

  /** The words of a request's prompt, be it text, ids or a conversation. */
  wordsOf({ prompt, messages }: AskedBody): string[] {
    if (Array.isArray(prompt)) {
      return (prompt as number[]).map((id) =>
        id === END ? "" : (WORDS[id] ?? this.#promptWords[id - FIRST_PROMPT_ID]!),
      );
    }
    const text = messages ? messages.map(({ content }) => content).join("\n") : (prompt as string);
    return text.match(/\s*\S+|\s+$/g) ?? [];
  }

  #conditional(context: string): Float64Array {
    const stream = randomStream(hash32(context) + (this.#traits.weights ?? 0), "model");
    const logits = Float64Array.from({ length: END + 1 }, () => 1.5 * stream.normal());
    // A response rarely begins with its end, except where it is asked to.
    if (!WORDS.some((word) => context.endsWith(word))) logits[END]! += context.endsWith(NOTHING) ? 3 : -6;
    return tempered(logits, 1);
  }

  #record(
    drawn: Drawn,
    id: number,
    row: Float64Array,
    { temperature, logprobs, top_logprobs: count }: AskedBody,
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

  #idOf(word: string): number {
    const known = (WORDS as readonly string[]).indexOf(word);
    if (known >= 0) return known;
    if (word === "") return END;
    if (!this.#promptWords.includes(word)) this.#promptWords.push(word);
    return FIRST_PROMPT_ID + this.#promptWords.indexOf(word);
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
