/**
 * `npm run test:models`: the long tests, test/models. Those that compare with Python find its interpreter in the
 * variable WHETSTONE_PYTHON and skip themselves where it is not set; everything after the script's name goes to vitest.
 */
import { spawnSync } from "node:child_process";
import { pythonInterpreter } from "./python-env.mjs";

/** @type {NodeJS.ProcessEnv} */
const env = { ...process.env };
if (!env["WHETSTONE_PYTHON"]) {
  try {
    env["WHETSTONE_PYTHON"] = await pythonInterpreter();
  } catch (error) {
    console.warn(
      `Notice: tests against Python are skipped. ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
const args = ["vitest", "run", "--config", "vitest.models.config.ts", ...process.argv.slice(2)];
process.exitCode = spawnSync("npx", args, { stdio: "inherit", env }).status ?? 1;
