/** Environments of Python that hold a program for the tests, in the user's cache folder, shared by every checkout. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { acquire, cacheFolder } from "../python-env.mjs";

const FILL_MINUTES = 40;

/**
 * @typedef {object} PackageEnvironment
 * @property {string} name of its folder in the cache
 * @property {string} what it is for, in a sentence's beginning
 * @property {() => string | undefined} python an interpreter that can make it; undefined where there is none
 * @property {string} needs that interpreter, in words
 * @property {readonly string[]} packages for pip
 * @property {readonly string[]} modules that it then has
 */

/**
 * The interpreter of a filled environment; makes and fills it where it has to. Of several processes that ask at once, one fills.
 * @param {PackageEnvironment} environment
 * @returns {Promise<string>} an absolute path
 * @throws {Error} with one sentence, where it cannot be had
 */
export async function packageInterpreter(environment) {
  const folder = join(cacheFolder(), environment.name);
  const python = join(folder, "bin", "python");
  const lock = `${folder}.lock`;
  if (!existsSync(lock) && isFilled(python, environment)) return python;
  mkdirSync(join(folder, ".."), { recursive: true });
  const release = await acquire(lock, FILL_MINUTES);
  try {
    if (!isFilled(python, environment)) fill(folder, python, environment);
  } finally {
    release();
  }
  return python;
}

/**
 * Whether an interpreter finds what it needs; nothing is imported, which can take half a minute.
 * @param {string} python
 * @param {PackageEnvironment} environment
 */
function isFilled(python, { modules }) {
  const code = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(modules)}))`;
  return spawnSync(python, ["-c", code], { stdio: "ignore" }).status === 0;
}

/**
 * @param {string} folder
 * @param {string} python
 * @param {PackageEnvironment} environment
 */
function fill(folder, python, { what, python: find, needs, packages }) {
  const found = find();
  if (found === undefined) throw new Error(`${what} needs ${needs}, which is not there.`);
  const run = (/** @type {string} */ command, /** @type {string[]} */ args) => {
    const ended = spawnSync(command, args, {
      encoding: "utf8",
      timeout: FILL_MINUTES * 60_000,
      stdio: ["ignore", 2, "pipe"],
    });
    if (ended.status === 0) return;
    const said = ended.stderr?.trim().split("\n").at(-1) ?? "it did not start";
    throw new Error(`${what} cannot be installed: ${said}`);
  };
  run(found, ["-m", "venv", "--clear", folder]);
  run(python, [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--no-compile",
    "--disable-pip-version-check",
    ...packages,
  ]);
}
