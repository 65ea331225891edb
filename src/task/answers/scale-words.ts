/** Words that multiply the number before them, by the power of ten; the commonest languages. `billion` is English's. */
const SCALES: Readonly<Record<string, readonly string[]>> = {
  "2": ["hundred"],
  "3": ["thousand", "tausend", "mille", "mil", "mila", "tys", "тысяча", "тысячи", "тысяч", "千", "천"],
  "4": ["万", "萬", "만"],
  "5": ["lakh", "lakhs", "lac", "लाख"],
  "6": [
    ...[
      "million",
      "millions",
      "millionen",
      "mio",
      "millón",
      "millon",
      "millones",
      "milione",
      "milioni",
      "milhão",
    ],
    ...[
      "milhões",
      "miljoen",
      "miljoner",
      "milionów",
      "миллион",
      "миллиона",
      "миллионов",
      "млн",
      "百万",
      "مليون",
    ],
  ],
  "7": ["crore", "crores", "करोड़"],
  "8": ["亿", "億", "억"],
  "9": [
    ...["billion", "billions", "bn", "milliard", "milliards", "milliarde", "milliarden", "mrd", "miliardo"],
    ...["miliardi", "bilhão", "bilhões", "miljard", "миллиард", "миллиарда", "миллиардов", "млрд", "مليار"],
  ],
  "12": [
    "trillion",
    "trillions",
    "billionen",
    "billón",
    "billones",
    "trilhão",
    "trilhões",
    "триллион",
    "триллионов",
    "兆",
  ],
};

const POWER_OF = new Map(
  Object.entries(SCALES).flatMap(([power, words]) =>
    words.map((word) => [word.normalize("NFKC"), Number(power)]),
  ),
);
/** After a sign of currency, letters too: `$5M`, `€2bn`; `5k` is plain anyway. */
const LETTERS: Readonly<Record<string, number>> = { k: 3, K: 3, M: 6, m: 6, B: 9, b: 9, T: 12 };

const PERCENT =
  /\s{0,2}(?:\\?%|\\text\{\s?\\?%\s?\}|(?:percent|per cent|pct|prozent|pour ?cents?|por ?ciento|por ?cento|per ?cento|procent|prosent|процент[а-я]*)(?!\p{L})|パーセント|퍼센트)/iuy;
const PER_MILLE = /\s{0,2}(?:‰|per mille?(?!\p{L}))/iuy;
const WORD = /(?:\s{0,2}|\\[ ,;])(?:\\(?:text|mathrm)\{\s{0,2})?(\p{L}[\p{L}\p{M}]{0,11})\}?(?!\p{L})/uy;
/** Chinese, Japanese and Korean write no space after theirs: `5万元`. */
const EAST_ASIAN = /\s?(百万|[万萬億亿千兆만억천])/uy;

/** What multiplies the number that ends at a position. */
export interface Scale {
  /** The power of ten. */
  readonly power: number;
  readonly end: number;
  /** `%`, which divides by 100 and which questions that ask for a percentage leave out. */
  readonly percent?: true;
}

/** The word of scale or per cent sign after a number; undefined where there is none. @param money whether a currency precedes. */
export function scaleAt(text: string, at: number, money: boolean): Scale | undefined {
  const percent = endOf(PERCENT, text, at);
  if (percent !== undefined) return { power: -2, end: percent, percent: true };
  const mille = endOf(PER_MILLE, text, at);
  if (mille !== undefined) return { power: -3, end: mille };
  const letter = LETTERS[text[at] ?? ""];
  if (letter !== undefined && !/[\p{L}\d]/u.test(text[at + 1] ?? "") && (money || text[at] === "k"))
    return { power: letter, end: at + 1 };
  WORD.lastIndex = at;
  const word = WORD.exec(text);
  const power = word === null ? undefined : POWER_OF.get(word[1]!.toLowerCase());
  if (power !== undefined) return { power, end: at + word![0].length };
  EAST_ASIAN.lastIndex = at;
  const sign = EAST_ASIAN.exec(text);
  return sign === null ? undefined : { power: POWER_OF.get(sign[1]!)!, end: at + sign[0].length };
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
