import type { QuantizationError } from "../evaluate/quantization.js";

/** What quantizing the base has done to log π, as a sentence or two. */
export function quantizationInWords(measured: QuantizationError): string {
  const { quantization, responses, tokens, perResponse, perToken } = measured;
  const how = quantization === "keep" ? "as the blocks of its file" : `quantized to ${quantization}`;
  return (
    `The base is held ${how}. Its log π(y|x) differs from that of the float model by ${nats(perResponse.mean)} nats on average and ` +
    `${nats(perResponse.max)} at most (of a token by ${nats(perToken.mean)} and ${nats(perToken.max)}), over ${responses} of ` +
    `its responses, ${tokens} tokens.`
  );
}

function nats(value: number): string {
  return value === 0 || value >= 0.001 ? value.toFixed(3) : value.toExponential(1);
}
