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
    const character = text[i];
    if (character === '"') {
      const end = stringEnd(text, i);
      const keys = stack.at(-1);
      if (expectKey && keys !== undefined) {
        const key = JSON.parse(text.slice(i, end + 1)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
        expectKey = false;
      }
      i = end;
    } else if (character === "{") {
      stack.push(new Set());
      expectKey = true;
    } else if (character === "[") {
      stack.push(undefined);
    } else if (character === "}" || character === "]") {
      stack.pop();
      expectKey = false;
    } else if (character === ",") {
      expectKey = stack.at(-1) !== undefined;
    }
  }
  return undefined;
}

/** The index of the quote that closes the string opened at `start`. */
function stringEnd(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end;
}
