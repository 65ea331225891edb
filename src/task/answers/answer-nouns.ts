/** The words for an answer, and where in a text one may begin: most texts have none, and need not be searched by large patterns. */

/** As alternatives of a pattern, in the commonest languages. */
export const NOUNS =
  "answers?|ans|result|solution|antwort|endantwort|endergebnis|ergebnis|lösung|réponse|reponse|résultat|respuesta|resultado|solución|" +
  "risposta|risultato|soluzione|resposta|solução|antwoord|odpowiedź|ответ|відповідь|cevap|yanıt|svar|svaret|vastaus|odpověď|" +
  "válasz|răspuns|răspunsul|απάντηση|đáp án|đáp số|jawaban|jawabannya|उत्तर|الجواب|الإجابة|الناتج|پاسخ|جواب|התשובה|คำตอบ";

/** The first three letters of the nouns in ASCII, each once: to look for these is much cheaper than for all nouns. */
const STEMS = [
  ...new Set(
    NOUNS.split("|")
      .filter((noun) => /^[a-z?]+$/.test(noun))
      .map((noun) => noun.slice(0, 3)),
  ),
];

/**
 * Where in a text one of the nouns may stand as a word of its own, ascending; undefined where the text has letters beyond ASCII, and one may
 * stand anywhere. No noun stands elsewhere. @param text of plain characters (`plainCharacters`).
 */
export function nounStarts(text: string): readonly number[] | undefined {
  if (/[^\P{L}A-Za-z]/u.test(text)) return undefined;
  const lower = text.toLowerCase();
  const starts: number[] = [];
  for (const stem of STEMS)
    for (let at = lower.indexOf(stem); at >= 0; at = lower.indexOf(stem, at + 1))
      if (at === 0 || !isLetter(lower.charCodeAt(at - 1))) starts.push(at);
  return starts.sort((a, b) => a - b);
}

const isLetter = (code: number): boolean => code >= 0x61 && code <= 0x7a;
