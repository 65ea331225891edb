import { UsageError } from "../core/errors.js";
import { rewards } from "../reward/registry.js";
import { flag } from "./option-spec.js";
import { DEFAULT_BEST_OF, DEFAULT_PORT, DEFAULT_SERVE_REWARD } from "./defaults.js";
import { onePart, text, wholeNumber, type Parse } from "./values.js";

/** Words separated by commas. */
const words: Parse<readonly string[]> = (value, flag) => {
  const given = value.split(",").flatMap((word) => word.trim() || []);
  if (given.length > 0) return given;
  throw new UsageError(`${flag} needs at least one value; it is empty.`);
};

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
  apiKeyFile: {
    flags: "--api-key-file <file>",
    description: "keys, one a line, of which requests have to bear one; nobody but you may read the file",
    parse: text,
    otherwise: "WHETSTONE_API_KEY; without either, only this machine may ask",
  },
  allowOrigin: {
    flags: "--allow-origin <url,…>",
    description: "origins of pages in browsers that may ask, such as http://localhost:3000",
    parse: words,
    otherwise: "none",
  },
  allowHost: {
    flags: "--allow-host <name,…>",
    description: "other names under which a server without keys may be asked, behind a proxy for instance",
    parse: words,
    otherwise: "this machine's own",
  },
  logText: flag("--log-text", "write the texts of prompts and answers into the log, too"),
  slots: {
    flags: "--slots <count>",
    description: "requests that are answered at once; twice as many may wait, and others are sent away",
    parse: wholeNumber(1, 4096),
    otherwise: "32",
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
