import { z } from "zod";
import type { FirstToken } from "../../policy.js";
import { ServerFault } from "../fault.js";
import type { ServerKind } from "../server-kinds.js";
import type { Ask, Dialect } from "./dialect.js";

/** vLLM's field for the ids of a response's tokens. */
export const tokenIds = z.array(z.int().min(0)).nullish();

/** The likeliest first. */
export function sortedTop(tokens: FirstToken[]): FirstToken[] {
  return tokens.sort((a, b) => b.logProb - a.logProb);
}

/** What both routes of OpenAI's are asked alike. */
export function commonFields(
  model: string,
  kind: ServerKind,
  { maxTokens, temperature, seed, n, topP = 1, minP, stop = [] }: Ask,
): Record<string, unknown> {
  return {
    model,
    max_tokens: maxTokens,
    temperature,
    top_p: topP,
    frequency_penalty: 0,
    presence_penalty: 0,
    seed,
    ...(n !== undefined && { n }),
    ...(stop.length > 0 && { stop }),
    ...kind.neutral,
    ...(minP !== undefined && { min_p: minP }),
    ...kind.ids,
  };
}

/**
 * A reader of the choices of a reply, made once for all: a schema is compiled when it first reads.
 * @returns what reads them, and throws a ServerFault that says which field is not as it should be.
 */
export function choicesReader<T>(schema: z.ZodType<T>): (body: object) => readonly T[] {
  const reply = z.object({ choices: z.array(schema) });
  return (body) => {
    const parsed = reply.safeParse(body);
    if (parsed.success) return parsed.data.choices;
    const path = parsed.error.issues[0]?.path.join(".") ?? "";
    if (path.includes("logprob"))
      throw new ServerFault("no log-probabilities", `malformed log-probabilities (${path})`);
    if (path.includes("token_ids") || path.endsWith(".id"))
      throw new ServerFault("counts differ", `malformed token ids (${path})`);
    throw new ServerFault("no choice", `a reply without usable choices (${path})`);
  };
}

const count = z.number().nullish();
const anyChoices = z.object({ choices: z.array(z.unknown()) });
const named = z.object({ model: z.string() });
const failed = z.object({ error: z.unknown() });
const explained = z.object({ message: z.string() });
const counted = z.object({
  usage: z.object({ prompt_tokens: count, completion_tokens: count, total_tokens: count }),
});
const withIds = z.object({ prompt_token_ids: z.array(z.int().min(0)) });
const promptIds = z.union([withIds, z.object({ choices: z.tuple([withIds]) })]);

/** How both of OpenAI's routes are read alike. */
export const OPENAI: Pick<Dialect, "streaming" | "count" | "model" | "error" | "tokensUsed" | "promptIds"> = {
  streaming: { stream: true, stream_options: { include_usage: true } },
  count: (body) => {
    const parsed = anyChoices.safeParse(body);
    return parsed.success ? parsed.data.choices.length : 0;
  },
  model: (body) => {
    const parsed = named.safeParse(body);
    return parsed.success && parsed.data.model !== "" ? parsed.data.model : undefined;
  },
  error: (body) => {
    const parsed = failed.safeParse(body);
    if (!parsed.success || parsed.data.error === undefined || parsed.data.error === null) return undefined;
    const { error } = parsed.data;
    const message = explained.safeParse(error);
    return message.success ? message.data.message : JSON.stringify(error);
  },
  tokensUsed: (body) => {
    const parsed = counted.safeParse(body);
    if (!parsed.success) return { prompt: 0, completion: 0 };
    const { prompt_tokens, completion_tokens, total_tokens } = parsed.data.usage;
    const completion = completion_tokens ?? 0;
    return { prompt: prompt_tokens ?? Math.max(0, (total_tokens ?? 0) - completion), completion };
  },
  promptIds: (body) => {
    const parsed = promptIds.safeParse(body);
    if (!parsed.success) return undefined;
    return "choices" in parsed.data ? parsed.data.choices[0].prompt_token_ids : parsed.data.prompt_token_ids;
  },
};
