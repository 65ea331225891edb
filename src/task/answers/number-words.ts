const SMALL = [
  ...[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
  ],
  ...["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
];
const TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

const ADDED = new Map<string, number>([
  ...SMALL.map((word, value) => [word, value] as const),
  ...TENS.map((word, at) => [word, 20 + 10 * at] as const),
]);
const MULTIPLIED = new Map([
  ["hundred", 100],
  ["thousand", 1000],
  ["million", 1_000_000],
]);

/**
 * The first English whole number in words in a text, below a billion: `forty-two` is 42, `minus one hundred and five` -105.
 * @returns its digits; undefined if there is none, or if it counts something out of several ("one of them").
 */
export function numberInWords(text: string): string | undefined {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const first = words.findIndex((word) => ADDED.has(word));
  if (first < 0) return undefined;
  let total = 0;
  let group = 0;
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
  const value = total + group;
  if (words[at] === "of" || value >= 1e9) return undefined;
  const negative = value !== 0 && ["minus", "negative"].includes(words[first - 1] ?? "");
  return `${negative ? "-" : ""}${value}`;
}
