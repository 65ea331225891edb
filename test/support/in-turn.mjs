/**
 * Runs command lines one after the other in this one process, each by the program's own entry, as it would run alone: for tests
 * of many commands that end at once, each of which would otherwise spend its time starting Node.
 * argv: the compiled program. Each message is a command's arguments, and is answered by how it ended; one at a time.
 */
import { pathToFileURL } from "node:url";

/** @type {typeof import("../../src/cli/program.js")} */
const { runProgram } = await import(pathToFileURL(process.argv[2] ?? "").href);
const streams = /** @type {const} */ (["stdout", "stderr"]);

/** @param {string[]} args */
async function run(args) {
  const printed = { stdout: "", stderr: "" };
  for (const name of streams) {
    process[name].write = (/** @type {string | Uint8Array} */ text) => {
      printed[name] += typeof text === "string" ? text : Buffer.from(text).toString("utf8");
      return true;
    };
  }
  process.exitCode = 0;
  await runProgram(args);
  process.send?.({ status: process.exitCode, signal: null, ...printed });
}

process.on("message", (args) => void run(/** @type {string[]} */ (args)));
process.on("disconnect", () => process.exit(0));
