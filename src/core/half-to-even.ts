/** The nearest integer; of two that are as near, the even one (IEEE 754's rounding). */
export function halfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}
