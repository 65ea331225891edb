/**
 * The library's tokenizer behind the three calls that are used of it. Plain JavaScript, because it also runs in a worker
 * thread, which is started from the sources in tests.
 */
import * as tokenizers from "@huggingface/tokenizers";

/**
 * An id is undefined where a part of the text has no token.
 * @typedef {{
 *   encode(text: string, addSpecialTokens: boolean): readonly (number | undefined)[],
 *   decode(tokens: readonly number[]): string,
 *   tokenId(text: string): number | undefined,
 * }} Encoder
 */

/** What is used of the library: its own declarations do not resolve under Node's rules for modules. */
const asUsed = (/** @type {unknown} */ constructor) =>
  /**
   * @type {new (json: object, config: object) => {
   *   encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: number[] },
   *   decode(
   *     ids: readonly number[],
   *     options: { readonly skip_special_tokens: boolean, readonly clean_up_tokenization_spaces: boolean },
   *   ): string,
   *   token_to_id(token: string): number | undefined,
   *   id_to_token(id: number): string | undefined,
   *   readonly added_tokens: readonly { readonly id: number, readonly content: string }[],
   *   readonly model: { tokens_to_ids: Map<string, number>, vocab: (string | undefined)[], bpe_ranks: Pick<Map<string, number>, "get"> },
   * }}
   */ (constructor);
const LibraryTokenizer = asUsed(tokenizers.Tokenizer);

/**
 * @param {object} json tokenizer.json
 * @param {object} config tokenizer_config.json
 * @returns {Encoder} it throws whatever the library throws
 */
export function openEncoder(json, config) {
  const library = new LibraryTokenizer(json, config);
  return encoderOf(() => library);
}

/**
 * The same of a byte-level BPE whose vocabulary and merges are given beside a tokenizer.json that has none. They are filled in at the first
 * call: the library's own way, a JSON text for each merge, takes many times as long, and the model loads meanwhile.
 * @param {object} json @param {object} config
 * @param {() => { readonly tokens: readonly string[], readonly merges: readonly string[] }} lists tokens by their ids; each merge as "left right"
 * @returns {Encoder}
 */
export function openFilledEncoder(json, config, lists) {
  const library = new LibraryTokenizer(json, config);
  let filled = false;
  return encoderOf(() => {
    if (!filled) fill(library, lists());
    filled = true;
    return library;
  });
}

/** @param {InstanceType<typeof LibraryTokenizer>} library @param {{ readonly tokens: readonly string[], readonly merges: readonly string[] }} lists */
function fill({ model, added_tokens: added }, { tokens, merges }) {
  /** @type {Map<string, number>} */
  const ids = new Map();
  // Of equal texts the first is the token.
  const vocabulary = tokens.map((token, id) => {
    if (ids.has(token)) return undefined;
    ids.set(token, id);
    return token;
  });
  for (const { id, content } of added) {
    ids.set(content, id);
    vocabulary[id] = content;
  }
  const ranks = new Map(merges.map((merge, rank) => [merge, rank]));
  model.tokens_to_ids = ids;
  model.vocab = vocabulary;
  model.bpe_ranks = {
    get: (pair) => {
      /** @type {unknown} */
      const parsed = JSON.parse(pair);
      const [left, right] = /** @type {readonly [string, string]} */ (parsed);
      return ranks.get(`${left} ${right}`);
    },
  };
}

/** @param {() => InstanceType<typeof LibraryTokenizer>} opened @returns {Encoder} */
function encoderOf(opened) {
  return {
    encode: (text, addSpecialTokens) => opened().encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (tokens) => {
      const library = opened();
      const known = tokens.filter((token) => library.id_to_token(token) !== undefined);
      // The library throws on an empty list, and cleans spaces up by default.
      if (known.length === 0) return "";
      return library.decode(known, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
    },
    tokenId: (text) => opened().token_to_id(text),
  };
}
