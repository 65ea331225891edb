/**
 * llama-cpp-python's server for the tests of served models, never at run time: in an environment of its own in the user's
 * cache folder, built from source once for the processor at hand, which takes some minutes. The last line on stdout is its
 * interpreter; what pip and the compiler say goes into a log beside it.
 * Exits with 1 and one sentence where there is no Python, no compiler or no package.
 */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMain, printOrSayWhy } from "./lib/report.mjs";
import { readCpuinfo, vectorArguments } from "./llama-flags.mjs";
import { acquire, cacheFolder } from "./python-env.mjs";

const REQUIREMENTS = join(import.meta.dirname, "llama-requirements.txt");
/** Only the library of models is built: not the one of images, not the helpers of llama.cpp's own command lines. */
const LEAVE_OUT = join(import.meta.dirname, "llama-build.cmake");
const TARGET = "llama";
/** Decodes a token, which is more than loading the library. */
const TRIAL = join(import.meta.dirname, "llama_token.py");
const TINY = join(import.meta.dirname, "../src/transformer/testdata/gguf/qwen2.gguf");
/** In the environment: what it was compiled with. A cache folder may have come here from another processor. */
const COMPILED_WITH = "compiled-with.txt";
const BUILD_MINUTES = 40;

/**
 * The interpreter of an environment whose server computes on this processor; makes it where it has to. Of several processes
 * that ask at once, one builds and the others wait for it.
 * @param {string} [folder]
 * @returns {Promise<string>} an absolute path
 * @throws {Error} with one sentence, where it cannot be had
 */
export async function llamaInterpreter(folder = join(cacheFolder(), "llama")) {
  const python = join(folder, "bin", "python");
  const lock = `${folder}.lock`;
  const vectors = vectorArguments(readCpuinfo()).join(" ");
  const usable = () => builtWith(folder, vectors) && decodes(python);
  // While another process builds it, what is there already may not be all of it.
  if (!existsSync(lock) && usable()) return python;
  mkdirSync(join(folder, ".."), { recursive: true });
  const release = await acquire(lock, BUILD_MINUTES);
  try {
    if (!usable()) build(folder, python, vectors);
    if (!usable())
      throw new Error(`llama-cpp-python was built, but decodes no token (${trialCommand(python)}).`);
  } finally {
    release();
  }
  return python;
}

/**
 * Whether an environment was compiled with these vector extensions: exactly, since fewer would be slow and more would crash.
 * @param {string} folder
 * @param {string} vectors
 */
function builtWith(folder, vectors) {
  const path = join(folder, COMPILED_WITH);
  return existsSync(path) && readFileSync(path, "utf8") === vectors;
}

/** Whether an interpreter starts, loads the server's modules and decodes a token. */
function decodes(/** @type {string} */ python) {
  return spawnSync(python, [TRIAL, TINY], { stdio: "ignore" }).status === 0;
}

/** @param {string} python */
const trialCommand = (python) => [python, TRIAL, TINY].join(" ");

/**
 * @param {string} folder
 * @param {string} python
 * @param {string} vectors CMake's arguments for the processor
 */
function build(folder, python, vectors) {
  const log = `${folder}.log`;
  const output = openSync(log, "w");
  const run = (/** @type {string} */ command, /** @type {string[]} */ args) => {
    const env = {
      ...process.env,
      CMAKE_ARGS: `${vectors} -DLLAVA_BUILD=OFF "-DCMAKE_PROJECT_llama.cpp_INCLUDE=${LEAVE_OUT}"`.trimStart(),
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
    run(python, [
      ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
      // Compiled here, each time: a wheel that another processor's build left in pip's cache has other vector extensions.
      ...["--no-cache-dir", "--no-binary", "llama-cpp-python"],
      ...[`--config-settings=build.targets=${TARGET}`, "-r", REQUIREMENTS],
    ]);
    writeFileSync(join(folder, COMPILED_WITH), vectors);
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

if (isMain(import.meta.url)) await printOrSayWhy(() => llamaInterpreter());
