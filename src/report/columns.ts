/** Text in a terminal's columns: letters of East Asia and emoji take two, what combines with the letter before takes none. */
import stringWidth from "string-width";

/** The columns that a text of one line takes. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** A text padded with spaces after it to a number of columns; a wider one stays as it is. */
export function padEndTo(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

/** A text padded with spaces before it to a number of columns; a wider one stays as it is. */
export function padStartTo(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - widthOf(text))) + text;
}

let segmenter: Intl.Segmenter | undefined;

/** The longest beginning of a text that is no wider than a number of columns; no letter is cut apart. */
export function beginningOf(text: string, columns: number): string {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  let [width, end] = [0, 0];
  for (const { segment, index } of segmenter.segment(text)) {
    width += widthOf(segment);
    if (width > columns) break;
    end = index + segment.length;
  }
  return text.slice(0, end);
}

/**
 * A text on one line of at most a number of columns, ended by an ellipsis where it is cut. Characters that would move the cursor, or
 * turn the direction of writing, become spaces.
 */
export function fitLine(text: string, columns: number): string {
  const plain = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+|(?!\u200d)\p{Cf}/gu, " ");
  return widthOf(plain) <= columns ? plain : `${beginningOf(plain, columns - 1)}…`;
}

/** Words on lines of at most a number of columns; a longer word is cut. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ").map((whole) => beginningOf(whole, columns))) {
    const last = lines.at(-1)!;
    if (last === "") lines[lines.length - 1] = word;
    else if (widthOf(last) + 1 + widthOf(word) <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
