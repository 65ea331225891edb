import { rewards } from "../reward/registry.js";
import { flag } from "./option-spec.js";
import {
  DEFAULT_BEST_OF,
  DEFAULT_PORT,
  DEFAULT_PREFIX_MEGABYTES,
  DEFAULT_SERVE_REWARD,
  DEFAULT_VIEW_PORT,
} from "./defaults.js";
import { severalWords, onePart, text, wholeNumber } from "./values.js";

const words = severalWords();

const rewardNames = Object.keys(rewards);

/** The options of `serve` and `view` that no other command has, or that mean another thing there. */
export const SERVE_OPTIONS = {
  port: {
    flags: "--port <number>",
    description: "the port to listen on; 0 takes any free one",
    parse: wholeNumber(0, 65535),
    otherwise: `${DEFAULT_PORT}`,
  },
  viewPort: {
    flags: "--port <number>",
    description: "the port to listen on; 0 takes any free one",
    parse: wholeNumber(0, 65535),
    otherwise: `${DEFAULT_VIEW_PORT}, or a free one where that is taken`,
  },
  host: {
    flags: "--host <address>",
    description: "the address to listen on",
    parse: text,
    otherwise: "127.0.0.1, reachable from this machine only",
  },
  apiKeyFile: {
    flags: "--api-key-file <file>",
    description:
      "API keys, one per line; every request must carry one of them, and only you may have access to the file",
    parse: text,
    otherwise: "WHETSTONE_API_KEY; without a key, only this machine is served",
  },
  allowOrigin: {
    flags: "--allow-origin <url,…>",
    description: "origins of web pages that may send requests, such as http://localhost:3000",
    parse: words,
    otherwise: "none",
  },
  allowHost: {
    flags: "--allow-host <name,…>",
    description: "further host names that a server without keys accepts, for use behind a proxy",
    parse: words,
    otherwise: "this machine's own",
  },
  prefixMemory: {
    flags: "--prefix-memory <MB>",
    description:
      "memory for what is kept of prompts, so that those that begin alike, such as a chat's next turn, are not computed anew; 0: none",
    parse: wholeNumber(0, 1 << 20),
    otherwise: `${DEFAULT_PREFIX_MEGABYTES}, for a model on this machine`,
  },
  loneRow: flag(
    "--lone-row",
    "draw an answer that is alone by itself: sooner for one request of one candidate (--best-of 1); its log-probabilities may differ in their last digits from those among others",
  ),
  logText: flag("--log-text", "write the texts of prompts and answers into the log, too"),
  slots: {
    flags: "--slots <count>",
    description: "requests answered at once; twice as many may wait, and the rest are refused",
    parse: wholeNumber(1, 4096),
    otherwise: "32",
  },
  bestOf: {
    flags: "--best-of <count>",
    description: "N: candidates behind each answer, unless the request says otherwise",
    parse: wholeNumber(1, 4096),
    otherwise: `${DEFAULT_BEST_OF}`,
  },
  serveReward: {
    flags: "--reward <name|module.js>",
    description: `the self-reward that chooses, unless the request says otherwise: ${rewardNames.join(", ")}, or your own module`,
    parse: onePart(rewardNames, "reward"),
    otherwise: `${DEFAULT_SERVE_REWARD}, as in OpenAI's best_of`,
  },
} as const;

/** Names under which commander hands these over. */
export interface RenamedInServe {
  readonly serveReward: "reward";
  readonly viewPort: "port";
}
