/**
 * The pieces of a text that its tokens give, one a token, which make up the text together. A character that several tokens share is
 * the last one's, and what a token adds behind the end of the text is left out.
 * @param soFar the text after each token, as it is decoded then: its last characters may be only begun (U+FFFD), or be taken back.
 */
export function piecesIn(text: string, soFar: readonly string[]): string[] {
  let from = 0;
  return soFar.map((upTo, at) => {
    const end = at === soFar.length - 1 ? text.length : Math.max(from, sharedLength(text, upTo));
    const piece = text.slice(from, end);
    from = end;
    return piece;
  });
}

/** How many characters two texts begin with alike; no half of one outside the basic plane. */
function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return /[\uD800-\uDBFF]$/.test(a.slice(0, length)) ? length - 1 : length;
}
