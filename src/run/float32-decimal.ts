/**
 * The number with the shortest decimal form among those that round to the same float32 as `value`: JSON prints it with
 * at most nine digits, and reads it back exactly. Applying it again changes nothing. -0 becomes 0; NaN and infinities
 * stay; subnormal float32s may come out with up to six digits where fewer would do.
 *
 * @example float32Decimal(Math.fround(0.1)) // 0.1, where the float32 itself prints as 0.10000000149011612
 */
export function float32Decimal(value: number): number {
  const single = Math.fround(value);
  if (single === 0) return 0;
  // Six digits cover the shorter forms too: they come out with zeros at the end.
  for (let digits = 6; digits < 9; digits++) {
    const candidate = Number(single.toPrecision(digits));
    if (Math.fround(candidate) === single) return candidate;
  }
  return Number(single.toPrecision(9));
}
