import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import { isGguf, readGgufHeader, type GgufHeader } from "../format/gguf/header.js";
import { tokenizerParts, withLists, type TokenLists } from "./gguf-tokenizer.js";
import { GuardedEncoder } from "./guarded-encoder.js";
import { readJsonFile, readTextFile, reasonOf } from "../../core/json-file.js";
import { openEncoder, openFilledEncoder, type Encoder } from "./tokenizer-library.mjs";
import { checkSteps } from "./tokenizer-steps.js";

/** Text to token ids and back, as Python's transformers does with the same folder. */
export interface Tokenizer {
  /** One more than the highest token id, added tokens included. */
  readonly vocabSize: number;
  /** The chat template (Jinja) that comes with the model, if one does. */
  readonly chatTemplate?: string;
  /** The text of the start token that the model's files name; absent or "" where they name none. */
  readonly bosToken?: string;
  /** Likewise of the end token. */
  readonly eosToken?: string;
  /**
   * The tokens of a text.
   * @param options.addSpecialTokens whether the model's own frame is put around it (a start token, mostly).
   * @throws ModelError when a part of the text has no token and the vocabulary has none for unknown text, or a step of the
   * tokenizer is malformed.
   */
  encode(text: string, options: { readonly addSpecialTokens: boolean }): number[];
  /**
   * The text of tokens, without special tokens and without cleaning spaces up. Ids outside of the vocabulary (a head
   * that is padded to a round size has such) give nothing. Part of a character gives U+FFFD.
   */
  decode(tokens: readonly number[]): string;
  /** The id of one token of the vocabulary by its text, such as `</s>`. */
  tokenId(text: string): number | undefined;
}

const MAX_TOKENIZER_BYTES = 64 << 20;
const MAX_CONFIG_BYTES = 10 << 20;
const MAX_TOKEN_ID = 1 << 24;
const id = z.int().min(0).max(MAX_TOKEN_ID);

/** WordLevel is left out because the library has none: it would silently read it as something else. */
const SUPPORTED_MODELS = ["BPE", "WordPiece", "Unigram"];

const tokenizerSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id, content: z.string() })).default([]),
  model: z.looseObject({
    type: z.string().nullish(),
    vocab: z.union([z.record(z.string(), id), z.array(z.tuple([z.string(), z.number()])).max(MAX_TOKEN_ID)]),
  }),
});
const special = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({
  bos_token: special,
  eos_token: special,
  chat_template: z
    .union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))])
    .nullish(),
});

/**
 * Loads the tokenizer of a model: of a folder, tokenizer.json, with tokenizer_config.json and chat_template.jinja where
 * they are; of a .gguf file, what its metadata say. A tokenizer with patterns that are not known runs in a thread of its own,
 * where a text that takes longer than two seconds is given up (a ModelError).
 * @throws ModelError when tokenizer.json is missing, larger than 64 MB, malformed or of an unsupported kind.
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  if (isGguf(path)) return ggufTokenizer(await readGgufHeader(path));
  const file = join(path, "tokenizer.json");
  const parsed = tokenizerSchema.safeParse(await readJsonFile(file, MAX_TOKENIZER_BYTES));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ModelError(
      `${file}: ${issue?.path.join(".") || "the file"} is missing or malformed (${issue?.message})`,
    );
  }
  const json = parsed.data;
  const type = json.model.type;
  if (type != null && !SUPPORTED_MODELS.includes(type)) {
    throw new ModelError(
      `${file}: a ${type} tokenizer is not supported; supported are ${SUPPORTED_MODELS.join(", ")}`,
    );
  }
  const config = await loadTokenizerConfig(path);
  const chatTemplate = await loadChatTemplate(path, config);
  return {
    ...wrap(encoderOf(withAllParts(json), config, file), highestId(json) + 1, file),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    bosToken: textOf(config.bos_token),
    eosToken: textOf(config.eos_token),
  };
}

/**
 * The tokenizer of a GGUF file whose header was read. A byte-level one is built of its lists at the first call.
 * @throws ModelError as `tokenizerParts`.
 */
export function ggufTokenizer(header: GgufHeader): Tokenizer {
  const { json, lists, tokens, ...rest } = tokenizerParts(header);
  return { ...wrap(encoderOf(json, {}, header.path, lists), tokens, header.path), ...rest };
}

/** The library, in this thread if it is known to come to an end with every text. */
function encoderOf(
  json: Readonly<Record<string, unknown>>,
  config: object,
  file: string,
  lists?: TokenLists,
): Encoder {
  if (!checkSteps(json, file)) return new GuardedEncoder(lists ? withLists(json, lists) : json, config, file);
  try {
    if (lists === undefined) return openEncoder(json, config);
    const { tokens, merges } = lists;
    return openFilledEncoder(json, config, () => ({ tokens: tokens.all(), merges: merges.all() }));
  } catch (cause) {
    throw new ModelError(`${file} cannot be used as a tokenizer: ${reasonOf(cause)}`, { cause });
  }
}

function textOf(token: z.infer<typeof special>): string {
  return typeof token === "string" ? token : (token?.content ?? "");
}

type TokenizerJson = z.infer<typeof tokenizerSchema>;
type TokenizerConfig = z.infer<typeof configSchema>;

/** The library insists on the keys of every part, with null for those that are absent. */
function withAllParts(json: TokenizerJson): Record<string, unknown> {
  return { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...json };
}

function highestId(json: TokenizerJson): number {
  const { vocab } = json.model;
  let highest = -1;
  if (Array.isArray(vocab)) highest = vocab.length - 1;
  else for (const tokenId of Object.values(vocab)) highest = Math.max(highest, tokenId);
  for (const token of json.added_tokens) highest = Math.max(highest, token.id);
  return highest;
}

async function loadTokenizerConfig(folder: string): Promise<TokenizerConfig> {
  const file = join(folder, "tokenizer_config.json");
  if (!existsSync(file)) return {};
  const parsed = configSchema.safeParse(await readJsonFile(file, MAX_CONFIG_BYTES));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ModelError(`${file}: ${issue?.path.join(".") || "the file"} is malformed (${issue?.message})`);
}

/** As transformers: the template's own file wins; of several named templates, the one named `default`. */
async function loadChatTemplate(folder: string, config: TokenizerConfig): Promise<string | undefined> {
  const file = join(folder, "chat_template.jinja");
  if (existsSync(file)) return readTextFile(file, MAX_CONFIG_BYTES);
  const template = config.chat_template ?? undefined;
  if (!Array.isArray(template)) return template;
  return template.find(({ name }) => name === "default")?.template;
}

function wrap(encoder: Encoder, vocabSize: number, file: string): Tokenizer {
  // The library reads a malformed step's fields only when a text comes to it.
  const used = <T>(call: () => T): T => {
    try {
      return call();
    } catch (cause) {
      if (cause instanceof ModelError) throw cause;
      throw new ModelError(`${file} cannot be used as a tokenizer: ${reasonOf(cause)}`, { cause });
    }
  };
  return {
    vocabSize,
    encode: (text, { addSpecialTokens }) => {
      const ids = used(() => encoder.encode(text, addSpecialTokens));
      if (ids.every((token) => Number.isInteger(token))) return ids as number[];
      throw new ModelError(
        `${file} has no token for a part of ${JSON.stringify(shorten(text))}, and none for unknown text`,
      );
    },
    decode: (tokens) => used(() => encoder.decode(tokens)),
    tokenId: (text) => used(() => encoder.tokenId(text)),
  };
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
