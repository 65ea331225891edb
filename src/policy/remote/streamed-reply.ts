import { z } from "zod";

const eventSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        text: z.string().nullish(),
        delta: z.looseObject({ content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
        logprobs: z.record(z.string(), z.unknown()).nullish(),
        token_ids: z.array(z.unknown()).nullish(),
      }),
    )
    .nullish(),
  usage: z.unknown().optional(),
  model: z.unknown().optional(),
});

/** Puts the events of a stream together into the body that the same reply would have had as a whole. */
export class StreamedReply {
  /** Whether an event has named a finish reason. */
  finished = false;
  #model: unknown;
  #usage: unknown;
  #finish: string | undefined;
  #text: string | undefined;
  readonly #ids: unknown[] = [];
  /** By the name of the field: `content`, `tokens`, `token_logprobs`, `top_logprobs`. */
  readonly #lists = new Map<string, unknown[]>();
  #choices = 0;

  /** The log-probabilities so far; those that are no numbers are left for the reply's check. */
  get logProbs(): readonly number[] {
    const content = (this.#lists.get("content") ?? []) as readonly { readonly logprob?: unknown }[];
    const values = this.#lists.get("token_logprobs") ?? content.map((entry) => entry.logprob);
    return values.filter((value): value is number => typeof value === "number");
  }

  /** The text so far. */
  get text(): string {
    return this.#text ?? "";
  }

  /** Adds an event; what is no event of a completion is left out, and missed at the end. */
  add(event: unknown): void {
    const parsed = eventSchema.safeParse(event);
    if (!parsed.success) return;
    const { choices, usage, model } = parsed.data;
    this.#model ??= model;
    if (usage !== undefined && usage !== null) this.#usage = usage;
    this.#choices = Math.max(this.#choices, choices?.length ?? 0);
    for (const { text, delta, finish_reason: finish, logprobs, token_ids: ids } of choices?.slice(0, 1) ??
      []) {
      const piece = text ?? delta?.content;
      if (piece !== undefined && piece !== null) this.#text = (this.#text ?? "") + piece;
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

  /** The reply as a whole. */
  body(): unknown {
    const choice = {
      // A stream that ends at once has no piece of text.
      text: this.#text ?? (this.finished ? "" : undefined),
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
