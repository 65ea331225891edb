import { InterruptedError } from "../core/errors.js";

/**
 * For work between draws; drawing itself watches the signal.
 * @param what such as `Training`.
 * @throws InterruptedError, with the signal's reason as its cause, once the signal has fired.
 */
export function throwIfStopped(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new InterruptedError(`${what} was stopped.`, { cause: signal.reason });
}
