import { rewards } from "../reward/registry.js";
import { DEFAULT_BEST_OF, DEFAULT_PORT, DEFAULT_SERVE_REWARD } from "./defaults.js";
import { onePart, text, wholeNumber } from "./values.js";

const rewardNames = Object.keys(rewards);

/** The options of `whetstone serve` that no other command has, or that mean another thing there. */
export const SERVE_OPTIONS = {
  port: {
    flags: "--port <number>",
    description: "the port to listen at; 0: one that is free",
    parse: wholeNumber(0, 65535),
    otherwise: `${DEFAULT_PORT}`,
  },
  host: {
    flags: "--host <address>",
    description: "the address to listen at",
    parse: text,
    otherwise: "127.0.0.1, which is reached from this machine alone",
  },
  bestOf: {
    flags: "--best-of <count>",
    description: "N: candidates behind each answer, where a request does not say",
    parse: wholeNumber(1, 4096),
    otherwise: `${DEFAULT_BEST_OF}`,
  },
  serveReward: {
    flags: "--reward <name|module.js>",
    description: `the self-reward that chooses, where a request does not say: ${rewardNames.join(", ")}, or your own module`,
    parse: onePart(rewardNames, "reward"),
    otherwise: `${DEFAULT_SERVE_REWARD}, as OpenAI's best_of has it`,
  },
} as const;

/** Names under which commander hands these over. */
export interface RenamedInServe {
  readonly serveReward: "reward";
}
