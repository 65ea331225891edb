/**
 * Text with every character that could act on its own made visible: control characters (terminal escapes among
 * them) as Unicode's control pictures, bidirectional overrides and other format characters as ⟨U+202E⟩, lone
 * surrogates as �. New lines and tabs stay. Idempotent.
 */
export function visibleText(text: string): string {
  return (
    text
      .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
      .replace(/\r\n?/g, "\n")
      // eslint-disable-next-line no-control-regex -- control characters are the subject here
      .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
      .replace(/\u007f/g, "\u2421")
      .replace(
        /[\u0080-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g,
        codePoint,
      )
  );
}

function codePoint(character: string): string {
  return `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
