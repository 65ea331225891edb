import { UsageError } from "../core/errors.js";
import { chatTemplateOf, type ChatTemplate } from "../transformer/text/chat-template.js";
import type { Tokenizer } from "../transformer/text/tokenizer.js";
import { promptIdentity, type Message, type Prompt } from "./policy.js";

/** Conversations that are remembered though nobody has them any more. */
const LATEST = 256;

/** Puts prompts' conversations into the text that a model goes on from, by its chat template; each conversation once. */
export class Conversations {
  /** Whether the model has a chat template. */
  readonly possible: boolean;
  #template: Promise<ChatTemplate | undefined> | undefined;
  /** Of each conversation in use, as long as somebody has it. */
  readonly #texts = new WeakMap<readonly Message[], string>();
  /** The latest, for who asks for an equal one. */
  readonly #latest = new Map<string, string>();

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly model: string,
  ) {
    this.possible = tokenizer.chatTemplate !== undefined;
  }

  /** Whether a prompt's text can be had without waiting. */
  isReady(prompt: Prompt): boolean {
    return prompt.messages === undefined || this.#known(prompt) !== undefined;
  }

  /** The text that the model goes on from. @throws UsageError for a conversation that was not prepared. */
  textOf(prompt: Prompt): string {
    const { id, text, messages } = prompt;
    if (messages === undefined) return text;
    const ready = this.#known(prompt);
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
      const text = await template(messages);
      this.#texts.set(messages, text);
      this.#latest.set(promptIdentity(prompt), text);
      // A server is asked about new ones for ever.
      for (const key of this.#latest.keys()) {
        if (this.#latest.size <= LATEST) break;
        this.#latest.delete(key);
      }
    }
  }

  #known(prompt: Prompt): string | undefined {
    const messages = prompt.messages!;
    const known = this.#texts.get(messages) ?? this.#latest.get(promptIdentity(prompt));
    if (known !== undefined) this.#texts.set(messages, known);
    return known;
  }
}
