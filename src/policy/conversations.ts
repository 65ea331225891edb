import { UsageError } from "../core/errors.js";
import { chatTemplateOf, type ChatTemplate } from "../transformer/text/chat-template.js";
import type { Tokenizer } from "../transformer/text/tokenizer.js";
import { promptIdentity, type Prompt } from "./policy.js";

/** Puts prompts' conversations into the text that a model goes on from, by its chat template; each conversation once. */
export class Conversations {
  /** Whether the model has a chat template. */
  readonly possible: boolean;
  #template: Promise<ChatTemplate | undefined> | undefined;
  readonly #texts = new Map<string, string>();

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly model: string,
  ) {
    this.possible = tokenizer.chatTemplate !== undefined;
  }

  /** Whether a prompt's text can be had without waiting. */
  isReady(prompt: Prompt): boolean {
    return prompt.messages === undefined || this.#texts.has(promptIdentity(prompt));
  }

  /** The text that the model goes on from. @throws UsageError for a conversation that was not prepared. */
  textOf(prompt: Prompt): string {
    const { id, text, messages } = prompt;
    if (messages === undefined) return text;
    const ready = this.#texts.get(promptIdentity(prompt));
    if (ready !== undefined) return ready;
    throw new UsageError(
      `The conversation of the prompt "${id}" has not been put into text: await promptTokens(prompt) before drawing from a list that is made as it is read.`,
    );
  }

  /**
   * Puts conversations into text, ahead of `textOf`.
   * @throws UsageError where the model has no chat template; ModelError naming the prompt where it refuses one.
   */
  async prepare(prompts: Iterable<Prompt>): Promise<void> {
    for (const prompt of prompts) {
      const { id, messages } = prompt;
      if (messages === undefined || this.isReady(prompt)) continue;
      const template = await (this.#template ??= chatTemplateOf(this.tokenizer, this.model));
      if (template === undefined) {
        throw new UsageError(
          `The prompt "${id}" is a conversation, but ${this.model} has no chat template to put it into text: use a chat model, ` +
            "or give the prompt as plain text.",
        );
      }
      this.#texts.set(promptIdentity(prompt), await template(messages));
    }
  }
}
