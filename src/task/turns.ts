import { z } from "zod";
import { DataError } from "../core/errors.js";
import { shorten } from "./json-lines.js";
import type { Message } from "../policy/policy.js";

const part = z.union([
  z.string(),
  z.looseObject({ type: z.string().exactOptional(), text: z.string().nullable().exactOptional() }),
]);
const turn = z.looseObject({
  role: z.string().min(1).exactOptional(),
  from: z.string().min(1).exactOptional(),
  content: z
    .union([z.string(), z.array(part), z.null()], "must be a text or a list of its parts")
    .exactOptional(),
  value: z.union([z.string(), z.null()]).exactOptional(),
});
const turns = z.array(turn).min(1, "must hold at least one message");

/** Who speaks, in the words of ShareGPT and in a chat template's. */
const ROLES: Readonly<Record<string, string>> = {
  human: "user",
  user: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  bot: "assistant",
  model: "assistant",
  bing: "assistant",
  assistant: "assistant",
  system: "system",
  developer: "system",
};

/** A conversation that a model can go on with. */
export interface Turns {
  readonly messages: readonly Message[];
  /** The assistant's last turn, where the conversation ended with it. */
  readonly reference?: string;
  readonly took: readonly string[];
}

/**
 * Reads a conversation: `role` and `content`, or ShareGPT's `from` and `value`; content as a text or as parts, whose texts are joined. A
 * last turn of the assistant's is cut off: it is an answer, and would stand in the prompt.
 * @param field the field's name, for errors.
 * @throws DataError naming the row, for what is no conversation, for pictures and other parts that are not text, and where nothing is
 *   left to answer.
 */
export function readTurns(value: unknown, field: string, where: string): Turns {
  const parsed = turns.safeParse(withoutNulls(value));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const place = [field, ...issue.path].join(".");
    throw new DataError(`${where} has a wrong "${place}": ${issue.message}.`);
  }
  const messages = parsed.data.map((one, at) => toMessage(one, `${field}.${at}`, where));
  const last = messages.at(-1)!;
  if (last.role !== "assistant") return { messages, took: [] };
  const asked = messages.slice(0, -1);
  if (!asked.some(({ role }) => role !== "system")) {
    throw new DataError(`${where} has a conversation in which nobody asks anything; give the user's turn.`);
  }
  return {
    messages: asked,
    reference: last.content,
    took: ["the assistant's last turn, cut off, as a reference answer"],
  };
}

function toMessage(one: z.infer<typeof turn>, place: string, where: string): Message {
  const named = one.role ?? one.from;
  const role = named === undefined ? undefined : (ROLES[named.toLowerCase()] ?? named);
  if (role === undefined) throw new DataError(`${where} has a wrong "${place}.role": must be there.`);
  const content = one.content ?? one.value;
  if (content === undefined || content === null) {
    throw new DataError(`${where} has a wrong "${place}.content": must be a text or a list of its parts.`);
  }
  return { role, content: typeof content === "string" ? content : joined(content, place, where) };
}

function joined(parts: readonly z.infer<typeof part>[], place: string, where: string): string {
  return parts
    .map((one) => {
      if (typeof one === "string") return one;
      if (typeof one.text === "string" && [undefined, "text", "input_text", "output_text"].includes(one.type))
        return one.text;
      throw new DataError(
        `${where} has a part of type ${JSON.stringify(shorten(String(one.type)))} in "${place}.content"; only text can be read.`,
      );
    })
    .join("");
}

/** Absent in place of null, as in the rows themselves. */
function withoutNulls(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).filter(([, field]) => field !== null))
      : one,
  );
}
