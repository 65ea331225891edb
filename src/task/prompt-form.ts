import { UsageError } from "../core/errors.js";
import { conversationText, type Prompt } from "../policy/policy.js";
import type { PromptRow } from "./prompt-row.js";

/** In what form a model gets the prompts of a file or a public data set. */
export interface PromptForm {
  /**
   * What the model takes: text alone (a base model, a completions route), conversations alone (a chat route), or both (a model on
   * this machine with a chat template). Default `text`.
   */
  readonly takes?: "text" | "messages" | "both";
  /** Give text as it is even to a model that takes conversations. Default false: it becomes the user's message there. */
  readonly raw?: boolean;
}

/** A prompt in the form in which the model gets it. */
export type FormedPrompt = Pick<Prompt, "text" | "messages">;

/** A text as a prompt: the user's message where the model takes conversations, unless it is raw. */
export function promptOfText(text: string, { takes = "text", raw = false }: PromptForm): FormedPrompt {
  return takes === "text" || raw ? { text } : { text, messages: [{ role: "user", content: text }] };
}

/**
 * The prompt of a row.
 * @param where names the row. @throws UsageError for a form that the model does not take.
 */
export function promptOfRow(
  row: Pick<PromptRow, "prompt" | "messages" | "raw">,
  where: string,
  form: PromptForm,
): FormedPrompt {
  const { prompt, messages = [] } = row;
  const { takes = "text" } = form;
  if (prompt !== undefined) {
    const raw = row.raw ?? form.raw ?? false;
    if (raw && takes === "messages") {
      throw new UsageError(
        `${where} is to be given to the model as it is (raw), but its server is asked by conversations: ask it by the completions route.`,
      );
    }
    return promptOfText(prompt, { takes, raw });
  }
  if (takes === "text") {
    throw new UsageError(
      `${where} has "messages", but the model has no chat template to put them into text; ` +
        'use a chat model (behind a server: on the chat route), or write the text itself as "prompt".',
    );
  }
  return { text: conversationText(messages), messages };
}
