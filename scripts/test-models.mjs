/**
 * `npm run test:models`: the long tests, test/models. Those that compare with Python find its interpreter in the variable
 * WHETSTONE_PYTHON, those against llama-cpp-python (its server, and its library) in WHETSTONE_LLAMA_PYTHON, those on a Ray cluster in WHETSTONE_RAY_PYTHON, those on SkyRL's server in WHETSTONE_SKYRL_PYTHON, and skip themselves where it is not set; everything after the script's name goes to vitest.
 */
import { spawnSync } from "node:child_process";
import { llamaInterpreter } from "./llama-env.mjs";
import { pythonInterpreter } from "./python-env.mjs";
import { rayInterpreter } from "./ray-env.mjs";
import { skyrlInterpreter } from "./skyrl-env.mjs";

/** @type {NodeJS.ProcessEnv} */
const env = { ...process.env };
for (const [variable, interpreter, what] of /** @type {const} */ ([
  ["WHETSTONE_PYTHON", pythonInterpreter, "Python"],
  ["WHETSTONE_LLAMA_PYTHON", llamaInterpreter, "llama-cpp-python"],
  ["WHETSTONE_RAY_PYTHON", rayInterpreter, "Ray"],
  ["WHETSTONE_SKYRL_PYTHON", skyrlInterpreter, "SkyRL's server"],
])) {
  if (env[variable]) continue;
  try {
    env[variable] = await interpreter();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.warn(`Notice: tests against ${what} are skipped. ${reason}`);
  }
}
const args = ["vitest", "run", "--config", "vitest.models.config.ts", ...process.argv.slice(2)];
process.exitCode = spawnSync("npx", args, { stdio: "inherit", env }).status ?? 1;
