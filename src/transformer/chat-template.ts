import { existsSync } from "node:fs";
import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { ModelError } from "../core/errors.js";
import { readJsonFile, reasonOf } from "./json-file.js";
import { loadTokenizer } from "./tokenizer.js";

/** Puts a conversation into the text that the model continues. */
export type ChatTemplate = (
  messages: readonly { readonly role: string; readonly content: string }[],
) => string;

const MAX_BYTES = 10 << 20;
const token = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({ bos_token: token, eos_token: token });

/**
 * The chat template of a model folder, ready to use; undefined where the model has none. Reads the tokenizer's files
 * only. A start token that the template writes and the tokenizer adds by itself is written once.
 * @throws ModelError when a file or the template is malformed; the result throws it when the template refuses a conversation.
 */
export async function loadChatTemplate(folder: string): Promise<ChatTemplate | undefined> {
  const tokenizer = await loadTokenizer(folder);
  if (tokenizer.chatTemplate === undefined) return undefined;
  const { bos, eos } = await frameTokens(folder);
  const startId = bos === "" ? undefined : tokenizer.tokenId(bos);
  const addsStart = startId !== undefined && tokenizer.encode("a", { addSpecialTokens: true })[0] === startId;
  let template: Template;
  try {
    template = new Template(tokenizer.chatTemplate);
  } catch (cause) {
    throw new ModelError(`the chat template of ${folder} is malformed: ${reasonOf(cause)}`, { cause });
  }
  return (messages) => {
    let text: string;
    try {
      text = template.render({ messages, add_generation_prompt: true, bos_token: bos, eos_token: eos });
    } catch (cause) {
      throw new ModelError(`the chat template of ${folder} refuses a conversation: ${reasonOf(cause)}`, {
        cause,
      });
    }
    return addsStart && text.startsWith(bos) ? text.slice(bos.length) : text;
  };
}

async function frameTokens(folder: string): Promise<{ readonly bos: string; readonly eos: string }> {
  const file = join(folder, "tokenizer_config.json");
  if (!existsSync(file)) return { bos: "", eos: "" };
  const parsed = configSchema.safeParse(await readJsonFile(file, MAX_BYTES));
  if (!parsed.success) throw new ModelError(`${file}: bos_token or eos_token is malformed`);
  const textOf = (value: z.infer<typeof token>): string =>
    typeof value === "string" ? value : (value?.content ?? "");
  return { bos: textOf(parsed.data.bos_token), eos: textOf(parsed.data.eos_token) };
}
