/**
 * What stands in the last `\boxed{…}` or `\fbox{…}` of a text, braces matched: of those that are closed, the one that
 * begins last, so that of nested boxes the inner counts and a box that was cut off does not. `\{` is not a brace.
 * One pass over the text.
 * @returns undefined if the text has no closed box.
 */
export function lastBoxed(text: string): string | undefined {
  if (!text.includes("box")) return undefined;
  /** For each open brace: where its content begins if it is a box's, else -1. */
  const open: number[] = [];
  let start = -1;
  let end = -1;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") {
      const content = boxContentAt(text, at);
      if (content === undefined) at++;
      else {
        open.push(content);
        at = content - 1;
      }
    } else if (character === "{") open.push(-1);
    else if (character === "}") {
      const content = open.pop() ?? -1;
      if (content > start) [start, end] = [content, at];
    }
  }
  return start < 0 ? undefined : text.slice(start, end);
}

/** Where the content of the box that begins at a backslash begins; white space may stand before its brace. */
function boxContentAt(text: string, backslash: number): number | undefined {
  const command = ["\\boxed", "\\fbox"].find((name) => text.startsWith(name, backslash));
  if (command === undefined) return undefined;
  let at = backslash + command.length;
  const limit = at + MOST_SPACES;
  while (at < limit && /\s/.test(text[at] ?? "")) at++;
  return text[at] === "{" ? at + 1 : undefined;
}

const MOST_SPACES = 8;
