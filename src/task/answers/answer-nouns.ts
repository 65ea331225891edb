/** The words for an answer, and where in a text one may begin: most texts have none, and need not be searched by large patterns. */

/** As alternatives of a pattern, in the commonest languages. */
export const NOUNS =
  "answers?|ans|result|solution|antwort|endantwort|endergebnis|ergebnis|lösung|réponse|reponse|résultat|respuesta|resultado|solución|" +
  "risposta|risultato|soluzione|resposta|solução|antwoord|odpowiedź|ответ|відповідь|cevap|yanıt|svar|svaret|vastaus|odpověď|" +
  "válasz|răspuns|răspunsul|απάντηση|đáp án|đáp số|jawaban|jawabannya|उत्तर|الجواب|الإجابة|الناتج|پاسخ|جواب|התשובה|คำตอบ";

/** The first three letters of the nouns in ASCII: to look for these is much cheaper than for all nouns. */
const STEM = new RegExp(
  [
    ...new Set(
      NOUNS.split("|")
        .filter((noun) => /^[a-z?]+$/.test(noun))
        .map((noun) => noun.slice(0, 3)),
    ),
  ].join("|"),
  "g",
);
// Most texts pass the first, which takes a twentieth of the second.
const ASCII = /^[\n\x20-\x7E]*$/;
const OTHER_LETTER = /[^\P{L}A-Za-z]/u;

/**
 * Where in a text one of the nouns may stand as a word of its own, ascending; undefined where the text has letters beyond ASCII, and one may
 * stand anywhere. No noun stands elsewhere. @param text of plain characters (`plainCharacters`).
 */
export function nounStarts(text: string): readonly number[] | undefined {
  if (!ASCII.test(text) && OTHER_LETTER.test(text)) return undefined;
  const lower = text.toLowerCase();
  const starts: number[] = [];
  for (const { index } of lower.matchAll(STEM))
    if (index === 0 || !isLetter(lower.charCodeAt(index - 1))) starts.push(index);
  return starts;
}

const isLetter = (code: number): boolean => code >= 0x61 && code <= 0x7a;
