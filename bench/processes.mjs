import { spawn } from "node:child_process";

/**
 * What the programs of this folder print, each some of it.
 * @typedef {object} Printed
 * @property {number} tokens @property {number[]} seconds @property {string} [source]
 * @property {number} tokensPerSecond @property {number} promptTokensPerSecond @property {number} firstTokenSeconds
 * @property {number} secondsEach of a prompt @property {number} kl @property {number} cost
 * @property {readonly [low: number, high: number]} [range] of the figure
 * @property {Readonly<Record<string, number>>} [chosen] the index of the best response, by prompt
 * @property {readonly number[]} [sums] log π of given responses @property {readonly number[]} [best] the place of the likeliest, by prompt
 * @property {number} [threads] that were taken, where there was a choice
 * @property {readonly number[]} [stepSeconds] of training
 * @property {Readonly<Record<string, number>>} [accepted] the share of moves, by length
 * @property {number} times of what bounds it that a step takes @property {number} [stepMs] @property {number} [boundMs]
 * @property {number} peakBytes @property {number} heldBytes @property {number} allowedBytes
 */

/**
 * Runs a program whose last line on stdout is JSON.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Printed>}
 */
export function measure(program, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (errors += data));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(output.trim().split("\n").at(-1) ?? ""));
      else reject(new Error(`${program} ${args[0]} failed: ${reason(errors)}`));
    });
  });
}

/** What a program died of, in the words of its last error: Node puts its stack and version after it, Python its stack before. @param {string} errors */
function reason(errors) {
  const lines = errors.trim().split("\n");
  return lines.findLast((line) => /^[\w.]*(Error|Exception)\b.*: /.test(line)) ?? lines.at(-1);
}

/**
 * The median of values, and the least and the largest.
 * @param {readonly number[]} values
 */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const [least = NaN] = sorted;
  return { median: sorted[Math.floor(sorted.length / 2)] ?? NaN, least, largest: sorted.at(-1) ?? NaN };
}
