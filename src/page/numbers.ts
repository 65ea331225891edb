const MINUS = "\u2212";

/** A number with a fixed count of decimals and a true minus sign; `signed` adds a plus; never "−0.0". */
export function fixed(value: number, decimals: number, signed = false): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : `${MINUS}∞`;
  const digits = Math.abs(value).toFixed(decimals);
  const sign = Number(digits) === 0 ? "" : value < 0 ? MINUS : signed ? "+" : "";
  return sign + digits;
}

/** Round values within [low, high], about so many: multiples of 1, 2 or 5 times a power of ten. */
export function roundTicks(low: number, high: number, about: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Powers of ten within [low, high], which are above 0; with their multiples by 2 and 5 where there are few. At most seven. */
export function logTicks(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const within = (value: number): boolean => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const powers = Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
  const tens = powers.filter(within);
  const more = powers
    .flatMap((power) => [1, 2, 5].map((times) => Number((times * power).toPrecision(3))))
    .filter(within);
  const ticks = tens.length < 3 ? more : tens;
  const every = Math.ceil(ticks.length / 7);
  return ticks.filter((_, i) => i % every === 0);
}
