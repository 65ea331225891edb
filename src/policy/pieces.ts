/**
 * The pieces of a text that its tokens give, one a token, which make up the text together. A character that several tokens share is
 * the last one's, and what a token adds behind the end of the text is left out.
 * @param soFar the text after each token, as it is decoded then: its last characters may be only begun (U+FFFD), or be taken back.
 */
export function piecesIn(text: string, soFar: readonly string[]): string[] {
  return cutAt(
    text,
    soFar.map((upTo) => wholeCharacters(text, sharedLength(text, upTo))),
  );
}

/**
 * The same where tokens have texts of their own, in time that grows with the text's length alone.
 * @param tokens the text of each.
 */
export function piecesFrom(text: string, tokens: readonly string[]): string[] {
  const shared = sharedLength(text, tokens.join(""));
  let length = 0;
  return cutAt(
    text,
    tokens.map((token) => wholeCharacters(text, Math.min(shared, (length += token.length)))),
  );
}

/** What a text has gained by a token. */
export function gained(before: string, after: string): string {
  return after.slice(wholeCharacters(after, sharedLength(after, before)));
}

function cutAt(text: string, ends: readonly number[]): string[] {
  let from = 0;
  return ends.map((upTo, at) => {
    const end = at === ends.length - 1 ? text.length : Math.max(from, upTo);
    const piece = text.slice(from, end);
    from = end;
    return piece;
  });
}

/** How many characters two texts begin with alike. */
function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** A length at which no half of a character outside the basic plane is left. */
function wholeCharacters(text: string, length: number): number {
  return length > 0 && /[\uD800-\uDBFF]/.test(text[length - 1]!) ? length - 1 : length;
}
