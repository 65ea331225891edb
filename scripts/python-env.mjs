/**
 * Python for the tests of real models and for the peers' benchmarks, never at run time. A virtual environment in the
 * user's cache folder is made once and shared by every checkout; the last line on stdout is its interpreter.
 * Exits with 1 and one sentence where there is no Python or no way to fill the environment.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isMain, printOrSayWhy } from "./lib/report.mjs";

const REQUIREMENTS = join(import.meta.dirname, "python-requirements.txt");
const MODULES = ["gguf", "numpy", "peft", "safetensors", "torch", "transformers"];
/** torch alone is gigabytes: a first fill on a slow line takes this long at most. */
const FILL_MINUTES = 30;

/** `whetstone` in the user's cache folder. */
export function cacheFolder() {
  const cache = process.env["XDG_CACHE_HOME"];
  return join(cache ? cache : join(homedir(), ".cache"), "whetstone");
}

/** The environment's folder: `whetstone/py` in the user's cache folder. */
function environmentFolder() {
  return join(cacheFolder(), "py");
}

/**
 * The interpreter of a filled environment; makes and fills the environment where it has to. Of several processes that
 * ask at once, one fills and the others wait for it.
 * @param {string} [folder]
 * @returns {Promise<string>} an absolute path
 * @throws {Error} with one sentence, where there is no Python 3 or packages cannot be had
 */
export async function pythonInterpreter(folder = environmentFolder()) {
  const python = join(folder, "bin", "python");
  const lock = `${folder}.lock`;
  // While another process fills it, what is there already may not be all of it.
  if (!existsSync(lock) && hasModules(python)) return python;
  mkdirSync(join(folder, ".."), { recursive: true });
  const release = await acquire(lock, FILL_MINUTES);
  try {
    if (!hasModules(python)) fill(folder, python);
  } finally {
    release();
  }
  return python;
}

/** Whether an interpreter starts and finds every module; they are found, not imported, which takes seconds. */
function hasModules(/** @type {string} */ python) {
  const code = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(MODULES)}))`;
  return spawnSync(python, ["-c", code], { stdio: "ignore" }).status === 0;
}

/**
 * @param {string} folder
 * @param {string} python
 */
function fill(folder, python) {
  const made = spawnSync("python3", ["-m", "venv", folder], { encoding: "utf8" });
  if (made.status !== 0) {
    throw new Error(
      `Python cannot make an environment in ${folder}: ${lastLine(made.stderr ?? made.error?.message)}`,
    );
  }
  const minutes = FILL_MINUTES * 60_000;
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS];
  const filled = spawnSync(python, args, {
    encoding: "utf8",
    timeout: minutes,
    stdio: ["ignore", 2, "pipe"],
  });
  if (filled.status !== 0) {
    throw new Error(
      `pip cannot install ${MODULES.join(", ")}: ${lastLine(filled.stderr ?? filled.error?.message)}`,
    );
  }
}

/** @param {string | undefined} text */
const lastLine = (text) => text?.trim().split("\n").at(-1) ?? "it did not start";

/**
 * Takes a lock file that holds its owner's process id, and waits while that process lives.
 * @param {string} path
 * @param {number} minutes to wait at most
 * @returns {Promise<() => void>} releases it
 */
export async function acquire(path, minutes) {
  for (let waited = 0; ; waited += 1) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
    }
    if (!isAlive(path)) rmSync(path, { force: true });
    else if (waited > minutes * 60)
      throw new Error(`Another process fills the environment; ${path} is its lock.`);
    else await sleep(1000);
  }
}

/** @param {string} path */
function isAlive(path) {
  try {
    process.kill(Number(readFileSync(path, "utf8")), 0);
    return true;
  } catch (error) {
    // The lock vanished, or its owner did; a process of another user (EPERM) is alive.
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

if (isMain(import.meta.url)) await printOrSayWhy(() => pythonInterpreter());
