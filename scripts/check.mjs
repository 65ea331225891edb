/**
 * `npm run check`: everything about the source that a tool can judge without running it. Prints each step with its
 * seconds, and stops at the first that fails. `npm run check -- types lint` runs only the steps named.
 */
import { spawnSync } from "node:child_process";
import { isMain } from "./lib/report.mjs";

/** @typedef {{ readonly name: string, readonly command: readonly string[] }} Step */

/** @type {readonly Step[]} cheap steps first */
const STEPS = [
  { name: "words", command: ["node", "scripts/forbidden-words.mjs"] },
  { name: "lengths", command: ["node", "scripts/file-lengths.mjs"] },
  { name: "dependencies", command: ["node", "scripts/dead-dependencies.mjs"] },
  { name: "architecture", command: ["node", "scripts/architecture.mjs"] },
  { name: "format", command: ["npx", "prettier", "--check", "--log-level", "warn", "."] },
  { name: "types", command: ["npx", "tsc", "-p", "tsconfig.json"] },
  { name: "imports", command: ["npx", "depcruise", "--config", ".dependency-cruiser.cjs", "src"] },
  { name: "exports", command: ["node", "scripts/dead-exports.mjs"] },
  { name: "lint", command: ["npx", "eslint", "--max-warnings", "0", "."] },
];

/**
 * Runs commands one after the other, their output passed through, and stops at the first that fails.
 * @param {readonly Step[]} steps
 * @param {(line: string) => void} print
 * @returns {Step | undefined} the step that failed
 */
export function runSteps(steps, print) {
  for (const step of steps) {
    const start = performance.now();
    const [program = "", ...args] = step.command;
    const { status, error } = spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"] });
    const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
    print(`${status === 0 ? "ok  " : "FAIL"} ${seconds} s  ${step.name}${error ? `: ${error.message}` : ""}`);
    if (status !== 0) return step;
  }
  return undefined;
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
  const failed = runSteps(chosenSteps(process.argv.slice(2)), (line) => console.log(line));
  if (failed) {
    console.error(`\`npm run check\` stopped at ${failed.name}: ${failed.command.join(" ")}`);
    process.exitCode = 1;
  }
}
