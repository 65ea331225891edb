import { ModelError } from "../../core/errors.js";
import { loadTokenizer, type Tokenizer } from "./tokenizer.js";
import {
  TEMPLATE_MEMORY_MB,
  TEMPLATE_SECONDS,
  TemplateProcess,
  type TemplateAnswer,
} from "./template-process.js";

/**
 * Puts a conversation into the text that the model continues.
 * @throws ModelError when the template refuses the conversation, or needs too much time or memory.
 */
export type ChatTemplate = (
  messages: readonly { readonly role: string; readonly content: string }[],
) => Promise<string>;

/** The longest template, and the longest text that one may give; in UTF-16 units. */
const MAX_SOURCE = 1 << 20;
const MAX_TEXT = 4 << 20;

/** One process renders for all models: a run has one, and starting one takes longer than a hundred prompts. */
const renderer = new TemplateProcess();

/**
 * The chat template of a model (a folder or a .gguf file), ready to use; undefined where it has none. Reads the
 * tokenizer's files only. A start token that the template writes and the tokenizer adds by itself is written once.
 *
 * A template is a program, so it is rendered in a process of its own: 64 MB of heap, 2 seconds, 4 MB of text.
 * @throws ModelError when a file or the template is malformed.
 */
export async function loadChatTemplate(path: string): Promise<ChatTemplate | undefined> {
  return chatTemplateOf(await loadTokenizer(path), path);
}

/** The same of a tokenizer that is in memory. @param path names its model in errors. */
export async function chatTemplateOf(tokenizer: Tokenizer, path: string): Promise<ChatTemplate | undefined> {
  const { chatTemplate: template, bosToken: bos = "", eosToken: eos = "" } = tokenizer;
  if (template === undefined) return undefined;
  if (template.length > MAX_SOURCE) {
    throw new ModelError(
      `the chat template of ${path} has ${template.length} characters, more than the ${MAX_SOURCE} that one may have`,
    );
  }
  const startId = bos === "" ? undefined : tokenizer.tokenId(bos);
  const addsStart = startId !== undefined && tokenizer.encode("a", { addSpecialTokens: true })[0] === startId;
  textOf(await renderer.request({ template, maxLength: MAX_TEXT }), path);
  return async (messages) => {
    const length = messages.reduce((sum, { role, content }) => sum + role.length + content.length, 0);
    if (length > MAX_TEXT) throw tooLong(path);
    // Only what a template may see: a caller's messages may hold more.
    const plain = messages.map(({ role, content }) => ({ role, content }));
    const values = { messages: plain, add_generation_prompt: true, bos_token: bos, eos_token: eos };
    const text = textOf(await renderer.request({ template, values, maxLength: MAX_TEXT }), path);
    return addsStart && text.startsWith(bos) ? text.slice(bos.length) : text;
  };
}

function textOf(answer: TemplateAnswer, path: string): string {
  const remedy = "use another model, or write the text itself as the prompt";
  const failed = (what: string): ModelError => new ModelError(`the chat template of ${path} ${what}`);
  switch (answer.kind) {
    case "text":
      return answer.text;
    case "tooLong":
      throw tooLong(path);
    case "malformed":
      throw failed(`is malformed: ${oneLine(answer.reason)}`);
    case "refused":
      throw failed(`refuses a conversation: ${oneLine(answer.reason)}`);
    case "exhausted":
      throw failed(`asks for too much (${oneLine(answer.reason)}); ${remedy}`);
    case "timeout":
      throw failed(`takes longer than ${TEMPLATE_SECONDS} seconds; ${remedy}`);
    case "ended":
      throw failed(`needs more than ${TEMPLATE_MEMORY_MB} MB of memory; ${remedy}`);
    default:
      return answer satisfies never;
  }
}

function tooLong(path: string): ModelError {
  return new ModelError(
    `the chat template of ${path} would give more than ${MAX_TEXT >> 20} MB of text; shorten the conversation`,
  );
}

/** A template may put anything into its error. */
function oneLine(reason: string): string {
  return reason.replace(/[\s\p{Cc}]+/gu, " ").trim();
}
