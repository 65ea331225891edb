import { ModelError } from "../../core/errors.js";
import type { GgufHeader } from "../format/gguf/header.js";
import { metadataOf, type Metadata } from "../format/gguf/metadata.js";
import type { TextList } from "../format/gguf/read-header.js";
import { preTokenizerOf, startsWithBos } from "./gguf-pre-tokenizers.js";
import { sentencePieceParts, vocabulary } from "./sentence-piece.js";

/** What a model folder's tokenizer files would say. */
export interface TokenizerFiles {
  /** tokenizer.json; of `tokenizerParts` without what is in `lists`. */
  readonly json: Readonly<Record<string, unknown>>;
  /** How many tokens there are. */
  readonly tokens: number;
  readonly chatTemplate?: string;
  /** The texts of the start token and of the end token; "" where there is none. */
  readonly bosToken: string;
  readonly eosToken: string;
}

/** A vocabulary's tokens by their ids, and what is merged ("left right"), first what is merged first. */
export interface TokenLists {
  readonly tokens: TextList;
  readonly merges: TextList;
}

/** ggml's kinds of tokens that are matched whole, before the text is split. */
const CONTROL = 3;
const USER_DEFINED = 4;

/**
 * Rebuilds a tokenizer from a GGUF file's metadata: the byte-level kind ("gpt2") with its way of splitting text, and
 * SentencePiece's ("llama"), whose merges follow from the scores.
 * @throws ModelError for another kind, an unknown way of splitting, and lists that contradict each other.
 */
export function tokenizerFiles(header: GgufHeader): TokenizerFiles {
  const { lists, ...files } = tokenizerParts(header);
  return lists ? { ...files, json: withLists(files.json, lists) } : files;
}

/** A tokenizer.json with its vocabulary and merges. */
export function withLists(
  json: TokenizerFiles["json"],
  { tokens, merges }: TokenLists,
): TokenizerFiles["json"] {
  const model = json["model"] as object;
  return { ...json, model: { ...model, vocab: vocabulary(tokens.all()), merges: merges.all() } };
}

/** As `tokenizerFiles`, but that vocabulary and merges are lists beside it where the file has both as they are. */
export function tokenizerParts(header: GgufHeader): TokenizerFiles & { readonly lists?: TokenLists } {
  const metadata = metadataOf(header);
  const { path } = metadata;
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  if (tokens === undefined) throw new ModelError(`${path} has no vocabulary (tokenizer.ggml.tokens)`);
  const kinds = metadata.numbers("tokenizer.ggml.token_type") ?? [];
  const id = (name: string): number | undefined => {
    const value = metadata.number(`tokenizer.ggml.${name}_token_id`);
    if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value < tokens.length)) {
      throw new ModelError(`${path}: ${name}_token_id ${value} is not one of its ${tokens.length} tokens`);
    }
    return value;
  };
  const bos = id("bos");
  const eos = id("eos");
  const { lists, ...parts } = partsOf(metadata, tokens);
  const chatTemplate = metadata.text("tokenizer.chat_template");
  return {
    json: {
      version: "1.0",
      added_tokens: addedTokens(tokens, kinds),
      ...parts,
      post_processor: frame(metadata, tokens, bos, eos),
    },
    tokens: tokens.length,
    ...(lists && { lists }),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    bosToken: bos === undefined ? "" : tokens.at(bos)!,
    eosToken: eos === undefined ? "" : tokens.at(eos)!,
  };
}

type Parts = Record<string, unknown> & { readonly lists?: TokenLists };

function partsOf(metadata: Metadata, tokens: TextList): Parts {
  const kind = metadata.text("tokenizer.ggml.model");
  if (kind === "llama") return sentencePieceParts(metadata, tokens.all());
  if (kind === "gpt2") return byteLevelParts(metadata, tokens);
  throw new ModelError(
    `${metadata.path}: a tokenizer of the kind "${kind}" is not supported; supported are "gpt2" and "llama"`,
  );
}

function byteLevelParts(metadata: Metadata, tokens: TextList): Parts {
  const merges = metadata.texts("tokenizer.ggml.merges");
  if (merges === undefined) {
    throw new ModelError(`${metadata.path} has no merges (tokenizer.ggml.merges), which its tokenizer needs`);
  }
  const pre = metadata.text("tokenizer.ggml.pre");
  const { preTokenizer, ignoreMerges } = preTokenizerOf(pre, metadata.path);
  return {
    normalizer: null,
    pre_tokenizer: preTokenizer,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: {},
      merges: [],
    },
    lists: { tokens, merges },
  };
}

function addedTokens(tokens: TextList, kinds: readonly number[]): object[] {
  return kinds.flatMap((kind, id) => {
    if (kind !== CONTROL && kind !== USER_DEFINED) return [];
    const content = tokens.at(id) ?? "";
    if (content === "") return [];
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...plain, special: kind === CONTROL }];
  });
}

/** The tokens that are put around every text. */
function frame(
  metadata: Metadata,
  tokens: TextList,
  bos: number | undefined,
  eos: number | undefined,
): object | null {
  const byDefault =
    metadata.text("tokenizer.ggml.model") === "llama" || startsWithBos(metadata.text("tokenizer.ggml.pre"));
  const first = (metadata.flag("tokenizer.ggml.add_bos_token") ?? byDefault) ? bos : undefined;
  const last = (metadata.flag("tokenizer.ggml.add_eos_token") ?? false) ? eos : undefined;
  const special = [first, last].filter((id) => id !== undefined);
  if (special.length === 0) return null;
  const item = (id: number | undefined): object[] =>
    id === undefined ? [] : [{ SpecialToken: { id: tokens.at(id)!, type_id: 0 } }];
  return {
    type: "TemplateProcessing",
    single: [...item(first), { Sequence: { id: "A", type_id: 0 } }, ...item(last)],
    pair: [
      ...item(first),
      { Sequence: { id: "A", type_id: 0 } },
      { Sequence: { id: "B", type_id: 1 } },
      ...item(last),
    ],
    special_tokens: Object.fromEntries(
      special.map((id) => [tokens.at(id)!, { id: tokens.at(id)!, ids: [id], tokens: [tokens.at(id)!] }]),
    ),
  };
}
