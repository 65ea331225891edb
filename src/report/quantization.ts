import type { QuantizationError, RoundedChoices } from "../evaluate/quantization.js";
import type { Estimate } from "../evaluate/metrics.js";
import { intervalInWords, inWords, PERCENT, POINTS, type Unit } from "./format.js";

/** How a base is held whose weights are not rounded. */
const HELD: Readonly<Record<string, string>> = {
  keep: "as the blocks of its file",
  keepa8: "as the blocks of its file, which are multiplied with activations rounded to eight bits",
};

/** What quantizing the base has done to log π, as a sentence or two. */
export function quantizationInWords(measured: QuantizationError): string {
  const { quantization, responses, tokens, perResponse, perToken, divergence, choices = {} } = measured;
  const how = HELD[quantization] ?? `quantized to ${quantization}`;
  return (
    `The base is held ${how}. Its log π(y|x) differs from that of the float model by ${nats(perResponse.mean)} nats on average and ` +
    `${nats(perResponse.max)} at most (of a token by ${nats(perToken.mean)} and ${nats(perToken.max)}), over ${responses} of ` +
    `its responses, ${tokens} tokens.` +
    (divergence
      ? ` A token's KL divergence from the float model is ${estimateInWords(divergence.kl, TOKEN_NATS)}, its total variation ` +
        `${estimateInWords(divergence.totalVariation, PART)}.`
      : "") +
    Object.entries(choices)
      .map(([reward, each]) => ` ${choicesInWords(reward, each)}`)
      .join("")
  );
}

const TOKEN_NATS: Unit = { scale: 1, decimals: 4, suffix: "\u00a0nats" };
const PART: Unit = { scale: 1, decimals: 4, suffix: "" };

const estimateInWords = (estimate: Estimate, unit: Unit): string =>
  `${inWords(estimate.value, unit)} (${intervalInWords(estimate, unit)})`;

function choicesInWords(reward: string, { same, accuracyGain }: RoundedChoices): string {
  const gain = accuracyGain
    ? `, and the exact choice is right more often by ${estimateInWords(accuracyGain, POINTS)}`
    : "";
  return `By ${reward} the rounded model's own choice is the exact one for ${estimateInWords(same, PERCENT)} of the prompts${gain}.`;
}

function nats(value: number): string {
  return value === 0 || value >= 0.001 ? value.toFixed(3) : value.toExponential(1);
}
