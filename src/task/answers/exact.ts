/**
 * The answer of a text taken literally: its last line that is not blank, trimmed, each run of white space one space.
 * Letters keep their case; accents
 * are composed (NFC), so that what looks the same is the same. The answer of a short response is so the response itself; a longer one may reason first and
 * end with a line of its own for the answer.
 * @returns undefined if the text is blank.
 */
export function exactAnswer(text: string): string | undefined {
  const lastLine =
    text
      .trim()
      .split(/[\r\n]/)
      .at(-1) ?? "";
  const answer = lastLine.split(/\s+/).filter(Boolean).join(" ").normalize("NFC");
  return answer === "" ? undefined : answer;
}
