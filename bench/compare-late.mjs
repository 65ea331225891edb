/** The rows of `npm run bench -- --peers` that take long, and come last. */
import { BYTES, drawn, FLOAT } from "./compare-contenders.mjs";
import { acceptanceOf, saysOfAcceptance } from "./compare-extras.mjs";

const FIFTY = { n: 50, prompt: 100, tokens: 8 };

/** What takes long, after the tables of growth. @type {readonly import("./compare-rows.mjs").Row[]} */
export const LATE_ROWS = [
  {
    ...{ name: "power", title: "SmolLM2-135M: power sampling, α = 4, 8 chains of up to 128 tokens on gsm8k" },
    ...{ measures: "cost", data: true, repeats: 1 },
    contenders: [
      {
        ...{ who: "ours, power", side: "ours", script: "power.mjs" },
        args: [
          ...["--data", "DATA", "--methods", "power", "--lengths", "32,512,128"],
          ...["--prompts", "1", "--chains", "8"],
        ],
      },
    ],
    ...{ extras: acceptanceOf, says: saysOfAcceptance },
    note: "Four moves a block, four blocks; the cost is that of 128 tokens",
    promises: [
      { text: "power sampling, a token's time, × plain decoding's", atMost: 3, of: ["ours, power"] },
    ],
  },
  {
    ...{ name: "int8-1b", title: "shape of Llama-3.2-1B: 50 responses of 8 tokens, rounded to eight bits" },
    ...{ measures: "tokensPerSecond", repeats: 1 },
    contenders: [drawn("llama-3.2-1b", FIFTY, "int8"), drawn("llama-3.2-1b", FIFTY)],
    promises: [
      {
        ...{ text: "eight bits, × own float32, a 1B shape", atLeast: 3, needs: "AMX" },
        ...{ of: [BYTES], against: FLOAT },
      },
    ],
  },
];
