import { UsageError } from "../../core/errors.js";
import { linearModules } from "../../transformer/families/modules.js";
import type { ModelConfig } from "../../transformer/families/config.js";
import { loadOutline } from "../../transformer/outline.js";
import type { Tokenizer } from "../../transformer/text/tokenizer.js";
import { Conversations } from "../conversations.js";
import type { Prompt, ScoreRequest } from "../policy.js";
import type { WireSequence } from "./wire.js";

/** The base model without its weights: what turns prompts into token ids here, as the trainer's own files do there. */
export class BaseText {
  readonly #conversations: Conversations;

  private constructor(
    /** A folder of Hugging Face layout, or a .gguf file. */
    readonly path: string,
    readonly config: ModelConfig,
    readonly tokenizer: Tokenizer,
  ) {
    this.#conversations = new Conversations(tokenizer, path);
  }

  /** @throws ModelError where configuration or tokenizer are missing or malformed. */
  static async open(path: string): Promise<BaseText> {
    const { config, tokenizer } = await loadOutline(path);
    return new BaseText(path, config, tokenizer);
  }

  /** Whether it has a chat template. */
  get messages(): boolean {
    return this.#conversations.possible;
  }

  encode(text: string): number[] {
    return this.tokenizer.encode(text, { addSpecialTokens: false });
  }

  /** The token ids that a response goes on from. @throws UsageError for a prompt that has none. */
  async promptTokens(prompt: Prompt): Promise<readonly number[]> {
    await this.#conversations.prepare([prompt]);
    const tokens = this.tokenizer.encode(this.#conversations.textOf(prompt), { addSpecialTokens: true });
    if (tokens.length > 0) return tokens;
    throw new UsageError(
      `The prompt "${prompt.id}" is empty, and the model has no start token; give it some text.`,
    );
  }

  /** Prompts and responses as a trainer takes them, with the weights of each response's tokens; absent: 1 for each. */
  async sequences(
    examples: readonly ScoreRequest[],
    weights?: readonly (readonly number[])[],
  ): Promise<WireSequence[]> {
    const made: WireSequence[] = [];
    for (const [at, example] of examples.entries()) {
      const prompt = await this.promptTokens(example.prompt);
      const length = prompt.length + example.tokens.length;
      if (length > this.config.maxPositions) {
        throw new UsageError(
          `The prompt "${example.prompt.id}" with its response has ${length} tokens, more than the ` +
            `${this.config.maxPositions} that ${this.path} can hold`,
          { reason: "prompt-too-long", where: example.prompt.id, remedy: "shorten it or lower `maxTokens`" },
        );
      }
      made.push({ prompt, response: example.tokens, weights: weights?.[at] ?? example.tokens.map(() => 1) });
    }
    return made;
  }

  /** How many numbers an adapter of a rank on these linears has. @param shared linears of a layer that have one A together. */
  parameters(rank: number, targets: readonly string[], shared: readonly (readonly string[])[] = []): number {
    const repeats = shared.flatMap((names) => names.filter((name) => targets.includes(name)).slice(1));
    return linearModules(this.config)
      .map((linear) => ({ ...linear, name: linear.module.split(".").at(-1)! }))
      .filter(({ name }) => targets.includes(name))
      .map(({ name, inFeatures, outFeatures }) => (repeats.includes(name) ? 0 : inFeatures) + outFeatures)
      .reduce((sum, numbers) => sum + rank * numbers, 0);
  }
}
