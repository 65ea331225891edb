import { ServerError } from "../../core/errors.js";
import { asked, told } from "./replies.js";
import type { TinkerSession } from "./session.js";
import { readSample, type WireSample } from "./wire.js";

/** A sample that is asked for. */
export interface SampleAsk {
  readonly prompt: readonly number[];
  readonly seed: number;
  readonly temperature: number;
  readonly maxTokens: number;
  readonly topP: number;
  readonly stop: readonly number[];
}

/** Draws one sample from what `saveForSampler` saved. @param signal gives up this sample alone. */
export async function drawSample(
  { connection }: TinkerSession,
  modelPath: string,
  { prompt, seed, temperature, maxTokens, topP, stop }: SampleAsk,
  signal?: AbortSignal,
): Promise<WireSample> {
  const body = {
    num_samples: 1,
    prompt: { chunks: [{ type: "encoded_text", tokens: prompt }] },
    sampling_params: { max_tokens: maxTokens, seed, temperature, top_p: topP, stop },
    model_path: modelPath,
    type: "sample",
  };
  const { request_id: request } = told(asked, await connection.post("asample", body, signal), connection);
  const reply = await connection.result(request, signal);
  const [sample] = "bytes" in reply ? readSample(reply.bytes) : [];
  if (sample === undefined || sample.tokens.length !== sample.logProbs.length)
    throw new ServerError(`The trainer at ${connection.url} gave no sample with log-probabilities.`);
  return sample;
}
