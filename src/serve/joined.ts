/**
 * A signal that fires with the first of several, and is let go of in the end: signals that live as long as the server
 * (`AbortSignal.any` holds on to those) gather nothing.
 */
export function joined(signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const fire = (): void => {
    controller.abort(signals.find(({ aborted }) => aborted)?.reason);
  };
  for (const signal of signals) signal.addEventListener("abort", fire);
  if (signals.some(({ aborted }) => aborted)) fire();
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) signal.removeEventListener("abort", fire);
    },
  };
}
