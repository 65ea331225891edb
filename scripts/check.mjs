/**
 * `npm run check`: everything about the source that a tool can judge without running it. Prints each step with its
 * seconds, and stops after one that fails. `npm run check -- types lint` runs only the steps named.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { isMain } from "./lib/report.mjs";

/** @typedef {{ readonly name: string, readonly command: readonly string[] }} Step */

/** @type {readonly Step[]} instant ones first, then the longest */
const STEPS = [
  { name: "words", command: ["node", "scripts/forbidden-words.mjs"] },
  { name: "lengths", command: ["node", "scripts/file-lengths.mjs"] },
  { name: "flags", command: ["node", "scripts/library-flags.mjs"] },
  { name: "dependencies", command: ["node", "scripts/dead-dependencies.mjs"] },
  { name: "architecture", command: ["node", "scripts/architecture.mjs"] },
  { name: "lint", command: [bin("eslint"), "--max-warnings", "0", "."] },
  { name: "types", command: [bin("tsc"), "-p", "tsconfig.json"] },
  { name: "exports", command: ["node", "scripts/dead-exports.mjs"] },
  { name: "format", command: [bin("prettier"), "--check", "--log-level", "warn", "."] },
  { name: "imports", command: [bin("depcruise"), "--config", ".dependency-cruiser.cjs", "src"] },
];

/** @param {string} name */
function bin(name) {
  return join(import.meta.dirname, "..", "node_modules", ".bin", name);
}

/**
 * Runs commands two at a time. Each step's output is printed whole, when it ends; after a failure no further step starts.
 * @param {readonly Step[]} steps
 * @param {(text: string) => void} print
 * @returns {Promise<Step[]>} the steps that failed: none, or one or two
 */
export async function runSteps(steps, print) {
  const waiting = [...steps];
  /** @type {Step[]} */
  const failed = [];
  const lane = async () => {
    for (let step = waiting.shift(); step && failed.length === 0; step = waiting.shift()) {
      const start = performance.now();
      const { passed, output } = await run(step.command);
      const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
      if (!passed) failed.push(step);
      if (output.trim() !== "") print(output.trimEnd());
      print(`${passed ? "ok  " : "FAIL"} ${seconds} s  ${step.name}`);
    }
  };
  await Promise.all([lane(), lane()]);
  return failed;
}

/**
 * @param {readonly string[]} command
 * @returns {Promise<{ readonly passed: boolean, readonly output: string }>} a program that cannot start has failed
 */
function run([program = "", ...args]) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => (output += text));
    }
    child.on("error", ({ message }) => resolve({ passed: false, output: message }));
    child.on("close", (code) => resolve({ passed: code === 0, output }));
  });
}

/**
 * @param {readonly string[]} names none: all
 * @returns {readonly Step[]}
 */
function chosenSteps(names) {
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    const known = STEPS.map((step) => step.name).join(", ");
    throw new Error(`There is no step ${unknown.join(", ")}; the steps are ${known}.`);
  }
  return names.length === 0 ? STEPS : STEPS.filter((step) => names.includes(step.name));
}

if (isMain(import.meta.url)) {
  const failed = await runSteps(chosenSteps(process.argv.slice(2)), (text) => console.log(text));
  for (const { name, command } of failed)
    console.error(`\`npm run check\` failed at ${name}: ${command.join(" ")}`);
  if (failed.length > 0) process.exitCode = 1;
}
