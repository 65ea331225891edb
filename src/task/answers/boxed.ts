const BOX = /\\(?:boxed|fbox)\s*\{/g;

/** What stands in the last `\boxed{…}` of a text, braces matched; undefined if there is none that is closed. */
export function lastBoxed(text: string): string | undefined {
  let found: string | undefined;
  for (const match of text.matchAll(BOX)) {
    const start = match.index + match[0].length;
    const end = closingBrace(text, start);
    if (end === undefined) break;
    found = text.slice(start, end);
  }
  return found;
}

function closingBrace(text: string, start: number): number | undefined {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return at;
  }
  return undefined;
}
