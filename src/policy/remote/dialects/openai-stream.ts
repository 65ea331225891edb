import { z } from "zod";
import type { StreamReader } from "./dialect.js";

const pieceSchema = z.looseObject({
  finish_reason: z.string().nullish(),
  logprobs: z.record(z.string(), z.unknown()).nullish(),
  token_ids: z.array(z.unknown()).nullish(),
});

/**
 * What an event of a stream is, made once for all streams of a route: a schema is compiled when it first reads.
 * @param piece the part of an event's choice that holds text.
 */
export function eventOf<Piece>(piece: z.ZodType<Piece>) {
  return z.looseObject({
    choices: z.array(z.intersection(pieceSchema, piece)).nullish(),
    usage: z.unknown().optional(),
    model: z.unknown().optional(),
  });
}

/** A stream of OpenAI's, of either route. */
export class OpenAiStream<Piece> implements StreamReader {
  finished = false;
  readonly #event;
  readonly #textOf: (piece: Piece) => string | undefined;
  readonly #told: (text: string | undefined) => object;
  #model: unknown;
  #usage: unknown;
  #finish: string | undefined;
  #text: string | undefined;
  readonly #ids: unknown[] = [];
  /** By the name of the field: `content`, `tokens`, `token_logprobs`, `top_logprobs`. */
  readonly #lists = new Map<string, unknown[]>();
  #choices = 0;

  /**
   * @param event what `eventOf` made.
   * @param textOf the text of a piece; undefined where there is none.
   * @param told where the whole text stands in a choice of a reply that comes whole.
   */
  constructor(
    event: ReturnType<typeof eventOf<Piece>>,
    textOf: (piece: Piece) => string | undefined,
    told: (text: string | undefined) => object,
  ) {
    this.#event = event;
    this.#textOf = textOf;
    this.#told = told;
  }

  get logProbs(): readonly number[] {
    const content = (this.#lists.get("content") ?? []) as readonly { readonly logprob?: unknown }[];
    const values = this.#lists.get("token_logprobs") ?? content.map((entry) => entry.logprob);
    return values.filter((value): value is number => typeof value === "number");
  }

  get text(): string {
    return this.#text ?? "";
  }

  add(event: unknown): void {
    const parsed = this.#event.safeParse(event);
    if (!parsed.success) return;
    const { choices, usage, model } = parsed.data;
    this.#model ??= model;
    if (usage !== undefined && usage !== null) this.#usage = usage;
    this.#choices = Math.max(this.#choices, choices?.length ?? 0);
    for (const choice of choices?.slice(0, 1) ?? []) {
      const { finish_reason: finish, logprobs, token_ids: ids } = choice;
      const piece = this.#textOf(choice);
      if (piece !== undefined) this.#text = (this.#text ?? "") + piece;
      if (finish !== undefined && finish !== null) {
        this.#finish = finish;
        this.finished = true;
      }
      if (ids) this.#ids.push(...ids);
      for (const [field, list] of Object.entries(logprobs ?? {})) {
        if (Array.isArray(list))
          this.#lists.set(field, [...(this.#lists.get(field) ?? []), ...(list as unknown[])]);
      }
    }
  }

  body(): unknown {
    const choice = {
      // A stream that ends at once has no piece of text.
      ...this.#told(this.#text ?? (this.finished ? "" : undefined)),
      finish_reason: this.#finish,
      logprobs: this.#lists.size > 0 ? Object.fromEntries(this.#lists) : undefined,
      ...(this.#ids.length > 0 && { token_ids: this.#ids }),
    };
    return {
      model: this.#model,
      // Not every server counts a stream, and one that was ended early has no count: what was seen of it is known.
      usage: this.#usage ?? { completion_tokens: this.logProbs.length },
      choices: Array.from({ length: this.#choices }, () => choice),
    };
  }
}
