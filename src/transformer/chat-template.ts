import { Template } from "@huggingface/jinja";
import { ModelError } from "../core/errors.js";
import { reasonOf } from "./json-file.js";
import { loadTokenizer } from "./tokenizer.js";

/** Puts a conversation into the text that the model continues. */
export type ChatTemplate = (
  messages: readonly { readonly role: string; readonly content: string }[],
) => string;

/**
 * The chat template of a model (a folder or a .gguf file), ready to use; undefined where it has none. Reads the
 * tokenizer's files only. A start token that the template writes and the tokenizer adds by itself is written once.
 * @throws ModelError when a file or the template is malformed; the result throws it when the template refuses a conversation.
 */
export async function loadChatTemplate(path: string): Promise<ChatTemplate | undefined> {
  const tokenizer = await loadTokenizer(path);
  if (tokenizer.chatTemplate === undefined) return undefined;
  const { bosToken: bos = "", eosToken: eos = "" } = tokenizer;
  const startId = bos === "" ? undefined : tokenizer.tokenId(bos);
  const addsStart = startId !== undefined && tokenizer.encode("a", { addSpecialTokens: true })[0] === startId;
  let template: Template;
  try {
    template = new Template(tokenizer.chatTemplate);
  } catch (cause) {
    throw new ModelError(`the chat template of ${path} is malformed: ${reasonOf(cause)}`, { cause });
  }
  return (messages) => {
    let text: string;
    try {
      text = template.render({ messages, add_generation_prompt: true, bos_token: bos, eos_token: eos });
    } catch (cause) {
      throw new ModelError(`the chat template of ${path} refuses a conversation: ${reasonOf(cause)}`, {
        cause,
      });
    }
    return addsStart && text.startsWith(bos) ? text.slice(bos.length) : text;
  };
}
