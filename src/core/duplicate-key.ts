const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The first key that appears twice in one object of a JSON text, or `undefined`. `JSON.parse` keeps the last of two
 * equal keys silently, so two readers of such a text may see different things.
 * @param text valid JSON: it went through `JSON.parse` before.
 */
export function duplicateKey(text: string): string | undefined {
  // One entry per open bracket: the keys seen so far, or undefined inside an array.
  const stack: (Set<string> | undefined)[] = [];
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = stringEnd(text, i);
      const keys = stack.at(-1);
      if (expectKey && keys !== undefined) {
        const raw = text.slice(i + 1, end);
        const key = raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
        if (keys.has(key)) return key;
        keys.add(key);
        expectKey = false;
      }
      i = end;
    } else if (code === OPEN_BRACE) {
      stack.push(new Set());
      expectKey = true;
    } else if (code === OPEN_BRACKET) {
      stack.push(undefined);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      stack.pop();
      expectKey = false;
    } else if (code === COMMA) {
      expectKey = stack.at(-1) !== undefined;
    }
  }
  return undefined;
}

/** The index of the quote that closes the string opened at `start`. */
function stringEnd(text: string, start: number): number {
  let end = start + 1;
  for (;;) {
    const code = text.charCodeAt(end);
    if (code === QUOTE) return end;
    end += code === BACKSLASH ? 2 : 1;
  }
}
