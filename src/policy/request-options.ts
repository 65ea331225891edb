import type { RequestOptions, SampleRequest, SamplingOptions } from "./policy.js";

/** A request's own options over the call's; the signal and the watcher are the request's alone. */
export function optionsOf(
  { options = {} }: SampleRequest,
  call: SamplingOptions,
): Pick<SamplingOptions, "temperature" | "maxTokens" | "seed" | "abandon"> & RequestOptions {
  const { temperature, maxTokens, seed, topP, minP, stop, abandon } = call;
  return {
    ...{ temperature, maxTokens, seed },
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(stop && { stop }),
    ...(abandon && { abandon }),
    ...options,
  };
}

/** Hands an error that a request has alone to its watcher. @throws the error where nobody takes it. */
export function failOf({ options }: SampleRequest, error: unknown): void {
  const watcher = options?.watcher;
  if (!watcher?.failed) throw error;
  watcher.failed(error);
}
