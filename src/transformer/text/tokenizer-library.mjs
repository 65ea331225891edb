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
  return {
    encode: (text, addSpecialTokens) => library.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (tokens) => {
      const known = tokens.filter((token) => library.id_to_token(token) !== undefined);
      // The library throws on an empty list, and cleans spaces up by default.
      if (known.length === 0) return "";
      return library.decode(known, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
    },
    tokenId: (text) => library.token_to_id(text),
  };
}
