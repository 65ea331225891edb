import { UsageError } from "../core/errors.js";
import type { SampleRequest, SamplingOptions } from "./policy.js";

/** @throws UsageError for limits of drawing that are none. */
export function checkLimits({ topP, minP, stop }: Pick<SamplingOptions, "topP" | "minP" | "stop">): void {
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw new UsageError(`topP must be above 0 and at most 1, not ${topP}.`);
  if (minP !== undefined && !(minP >= 0 && minP < 1))
    throw new UsageError(`minP must be at least 0 and below 1, not ${minP}.`);
  if (stop?.includes("")) throw new UsageError("A text that ends a response must not be empty.");
}

/** @throws UsageError for a width of a beam that is none. */
export function checkWidth(width: number): void {
  if (!Number.isSafeInteger(width) || width < 1)
    throw new UsageError(`The width of a beam must be a whole number of at least 1, not ${String(width)}.`);
}

/** Whether tokens are drawn from less than the whole distribution. */
export function narrows({ topP = 1, minP = 0 }: Pick<SamplingOptions, "topP" | "minP">): boolean {
  return topP < 1 || minP > 0;
}

/** A text up to where the first of `stop` begins in it; undefined where none occurs. */
export function cutAtStop(text: string, stop: readonly string[]): string | undefined {
  const places = stop.map((one) => text.indexOf(one)).filter((at) => at >= 0);
  return places.length === 0 ? undefined : text.slice(0, Math.min(...places));
}

/** The most tokens in which the last characters of a text can lie, if each has a byte at least; some have none. */
export function tailTokens(stop: readonly string[]): number {
  return Math.max(0, ...stop.map((one) => Buffer.byteLength(one))) + 8;
}

/**
 * Refuses a prefix after which there is nothing to draw.
 * @param whole whether the response ends with, or in, this prefix.
 * @throws UsageError when it does, or is already as long as the response may be.
 */
export function checkPrefix(
  { prompt, prefix = [] }: SampleRequest,
  maxTokens: number,
  whole: (prefix: readonly number[]) => boolean,
): void {
  if (prefix.length > 0 && (prefix.length >= maxTokens || whole(prefix))) {
    throw new UsageError(
      `A response to the prompt "${prompt.id}" is to go on after ${prefix.length} given tokens, but it is whole with them: ` +
        `give fewer, or allow more than ${maxTokens}.`,
    );
  }
}
