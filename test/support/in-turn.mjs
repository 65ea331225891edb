/**
 * Runs command lines one after the other in this one process, each by the program's own entry, as it would run alone: for tests
 * of many commands that end at once, each of which would otherwise spend its time starting Node.
 * argv: the compiled program. stdin: a JSON array of argument lists. stdout: a JSON array of how each ended.
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** @type {typeof import("../../src/cli/program.js")} */
const { runProgram } = await import(pathToFileURL(process.argv[2] ?? "").href);
/** @type {string[][]} */
const commands = JSON.parse(readFileSync(0, "utf8"));
const streams = /** @type {const} */ (["stdout", "stderr"]);
const write = process.stdout.write.bind(process.stdout);
const ended = [];
for (const args of commands) {
  const printed = { stdout: "", stderr: "" };
  for (const name of streams) {
    process[name].write = (/** @type {string | Uint8Array} */ text) => {
      printed[name] += typeof text === "string" ? text : Buffer.from(text).toString("utf8");
      return true;
    };
  }
  process.exitCode = 0;
  await runProgram(args);
  ended.push({ status: process.exitCode, signal: null, ...printed });
}
process.exitCode = 0;
write(JSON.stringify(ended), () => process.exit());
