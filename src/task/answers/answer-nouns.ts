/** The words for an answer, and where in a text one may begin: most texts have none, and need not be searched by large patterns. */

/** As alternatives of a pattern, in the commonest languages. */
export const NOUNS =
  "answers?|ans|result|solution|antwort|endantwort|endergebnis|ergebnis|lösung|réponse|reponse|résultat|respuesta|resultado|solución|" +
  "risposta|risultato|soluzione|resposta|solução|antwoord|odpowiedź|ответ|відповідь|cevap|yanıt|svar|svaret|vastaus|odpověď|" +
  "válasz|răspuns|răspunsul|απάντηση|đáp án|đáp số|jawaban|jawabannya|उत्तर|الجواب|الإجابة|الناتج|پاسخ|جواب|התשובה|คำตอบ";

const LETTERS = { first: 0x61, count: 26, bits: 5 };
/** Letters that a word needs at least to be looked at. */
const PREFIX = 3;

/** The first three letters of each noun in ASCII, as one number. */
const PREFIXES = new Set(
  NOUNS.split("|")
    .filter((noun) => /^[a-z?]+$/.test(noun))
    .map((noun) => [...noun.slice(0, PREFIX)].reduce((sum, letter) => pushed(sum, letter.charCodeAt(0)), 0)),
);
const MASK = (1 << (PREFIX * LETTERS.bits)) - 1;

function pushed(sum: number, code: number): number {
  return (sum << LETTERS.bits) | (code - LETTERS.first);
}

/**
 * Where in a text one of the nouns may stand as a word of its own, ascending; undefined where the text has letters beyond ASCII, and one may
 * stand anywhere. No noun stands elsewhere. @param text of plain characters (`plainCharacters`).
 */
export function nounStarts(text: string): readonly number[] | undefined {
  if (/[^\P{L}A-Za-z]/u.test(text)) return undefined;
  const starts: number[] = [];
  let letters = 0;
  let prefix = 0;
  for (let at = 0; at < text.length; at++) {
    // In lower case, if it is a letter.
    const code = text.charCodeAt(at) | 0x20;
    if (code < LETTERS.first || code >= LETTERS.first + LETTERS.count) {
      letters = 0;
      continue;
    }
    if (++letters > PREFIX) continue;
    prefix = letters === 1 ? code - LETTERS.first : pushed(prefix, code) & MASK;
    if (letters === PREFIX && PREFIXES.has(prefix)) starts.push(at - PREFIX + 1);
  }
  return starts;
}
