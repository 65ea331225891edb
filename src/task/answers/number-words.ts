const SMALL =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

const ADDED = new Map<string, number>([
  ...SMALL.map((word, value) => [word, value] as const),
  ...TENS.map((word, at) => [word, 20 + 10 * at] as const),
  ["fourty", 40],
]);
const MULTIPLIED = new Map([
  ["hundred", 100],
  ["thousand", 1000],
  ["million", 1e6],
  ["billion", 1e9],
  ["trillion", 1e12],
]);
const PARTS = new Map([
  ["half", 2],
  ["halves", 2],
  ["third", 3],
  ["quarter", 4],
  ["fourth", 4],
  ["fifth", 5],
  ["sixth", 6],
  ["seventh", 7],
  ["eighth", 8],
  ["ninth", 9],
  ["tenth", 10],
]);
const MOST = 1e15;

/**
 * The first English number in words in a text: `forty-two` is 42, `minus one hundred and five` -105, `three quarters` 3/4,
 * `two and a half` 5/2.
 * @param whole the text has to be that number, alone or with a unit of at most three words.
 * @returns it in canonical form; undefined if there is none, or if it counts something out of several ("one of them").
 */
export function numberInWords(text: string, whole = false): string | undefined {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const first = words.findIndex((word, at) => ADDED.has(word) || isOne(words, at));
  if (first < 0) return undefined;
  const read = wholePart(words, first);
  const part = fractionPart(words, read);
  const negative = ["minus", "negative"].includes(words[first - 1] ?? "");
  const from = first - (negative ? 1 : 0) - (words[first - 1] === "a" ? 1 : 0);
  if (words[part.end] === "of" && part.denominator === 1) return undefined;
  if (read.value >= MOST || (whole && (from > 0 || !isUnitOf(words.slice(part.end))))) return undefined;
  return signed(negative, part.numerator, part.denominator);
}

interface WholePart {
  readonly value: number;
  readonly end: number;
}

function wholePart(words: readonly string[], first: number): WholePart {
  let total = 0;
  let group = MULTIPLIED.has(words[first]!) ? 1 : 0;
  let at = first;
  for (; at < words.length; at++) {
    const word = words[at]!;
    const factor = MULTIPLIED.get(word);
    if (factor === 100) group *= factor;
    else if (factor !== undefined) {
      total += group * factor;
      group = 0;
    } else if (ADDED.has(word)) group += ADDED.get(word)!;
    else if (word !== "and" || !ADDED.has(words[at + 1] ?? "")) break;
  }
  return { value: total + group, end: at };
}

/** `half`, `three quarters`, `two and a half`: a denominator of 1 where no part follows. */
function fractionPart(words: readonly string[], { value, end }: WholePart) {
  const word = words[end] ?? "";
  // "three fifth graders" are not three fifths.
  const parts = value <= 1 ? PARTS.get(word) : PARTS.get(/^(?:halves|.*(?=s$))/.exec(word)?.[0] ?? "");
  if (parts !== undefined) {
    const numerator = value === 0 ? 1 : value;
    return { numerator, denominator: parts, end: end + 1 };
  }
  const [and, article, part] = words.slice(end, end + 3);
  const denominator =
    and === "and" && ["a", "one"].includes(article ?? "") ? PARTS.get(part ?? "") : undefined;
  if (denominator !== undefined) return { numerator: value * denominator + 1, denominator, end: end + 3 };
  return { numerator: value, denominator: 1, end };
}

/** `half`, `a third`, `a million`. */
function isOne(words: readonly string[], at: number): boolean {
  const counts = ["third", "quarter"].includes(words[at]!) || MULTIPLIED.has(words[at]!);
  return words[at] === "half" || (words[at - 1] === "a" && counts);
}

function isUnitOf(rest: readonly string[]): boolean {
  return (
    rest.length <= 3 && !rest.some((word) => ["or", "and", "to", "of", "not", ...ADDED.keys()].includes(word))
  );
}

function signed(negative: boolean, numerator: number, denominator: number): string {
  const divisor = greatestDivisor(numerator, denominator);
  const [above, below] = [numerator / divisor, denominator / divisor];
  const digits = below === 1 ? String(above) : `${above}/${below}`;
  return negative && numerator !== 0 ? `-${digits}` : digits;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
