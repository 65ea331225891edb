/**
 * llama-cpp-python's server for the tests of served models, never at run time: in an environment of its own in the user's
 * cache folder, built from source once, which takes some minutes. The last line on stdout is its interpreter; what pip
 * and the compiler say goes into a log beside it.
 * Exits with 1 and one sentence where there is no Python, no compiler or no package.
 */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isMain } from "./lib/report.mjs";
import { acquire, cacheFolder } from "./python-env.mjs";

const REQUIREMENTS = join(import.meta.dirname, "llama-requirements.txt");
/** Only the library of models is built: not the one of images, not the helpers of llama.cpp's own command lines. */
const LEAVE_OUT = join(import.meta.dirname, "llama-build.cmake");
const TARGET = "llama";
const BUILD_MINUTES = 40;

/**
 * The interpreter of an environment that has the server; makes it where it has to. Of several processes that ask at once,
 * one builds and the others wait for it.
 * @param {string} [folder]
 * @returns {Promise<string>} an absolute path
 * @throws {Error} with one sentence, where it cannot be had
 */
export async function llamaInterpreter(folder = join(cacheFolder(), "llama")) {
  const python = join(folder, "bin", "python");
  const lock = `${folder}.lock`;
  // While another process builds it, what is there already may not be all of it.
  if (!existsSync(lock) && hasServer(python)) return python;
  mkdirSync(join(folder, ".."), { recursive: true });
  const release = await acquire(lock, BUILD_MINUTES);
  try {
    if (!hasServer(python)) build(folder, python);
  } finally {
    release();
  }
  return python;
}

/** Whether an interpreter starts and can load the library: one that was built on another processor may not. */
function hasServer(/** @type {string} */ python) {
  const code =
    "import llama_cpp, uvicorn, fastapi, sse_starlette, starlette_context, pydantic_settings, yaml";
  return spawnSync(python, ["-c", code], { stdio: "ignore" }).status === 0;
}

/**
 * @param {string} folder
 * @param {string} python
 */
function build(folder, python) {
  const log = `${folder}.log`;
  const output = openSync(log, "w");
  const run = (/** @type {string} */ command, /** @type {string[]} */ args) => {
    const env = {
      ...process.env,
      CMAKE_ARGS: `-DLLAVA_BUILD=OFF "-DCMAKE_PROJECT_llama.cpp_INCLUDE=${LEAVE_OUT}"`,
    };
    const ended = spawnSync(command, args, {
      env,
      timeout: BUILD_MINUTES * 60_000,
      stdio: ["ignore", output, output],
    });
    if (ended.status === 0) return;
    const said = ended.error?.message ?? errorLine(readFileSync(log, "utf8"));
    throw new Error(`llama-cpp-python's server cannot be built: ${said} (${log} has the rest).`);
  };
  try {
    run("python3", ["-m", "venv", "--clear", folder]);
    const quiet = ["--quiet", "--disable-pip-version-check"];
    run(python, [
      "-m",
      "pip",
      "install",
      ...quiet,
      `--config-settings=build.targets=${TARGET}`,
      "-r",
      REQUIREMENTS,
    ]);
  } finally {
    closeSync(output);
  }
}

/** What the log gives as the reason: its last line that tells of an error, or its last. */
function errorLine(/** @type {string} */ log) {
  const lines = log.split("\n").map((line) => line.trim());
  const told = lines.filter((line) => /error/i.test(line));
  return (told.at(-1) ?? lines.findLast((line) => line !== "") ?? "it said nothing").replace(/[.:]+$/, "");
}

if (isMain(import.meta.url)) {
  try {
    console.log(await llamaInterpreter());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
