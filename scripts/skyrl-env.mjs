/** SkyRL's server, for the tests of trainers elsewhere, never at run time: in an environment of its own in the user's cache folder. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { packageInterpreter } from "./lib/package-env.mjs";
import { isMain, printOrSayWhy } from "./lib/report.mjs";

const REQUIREMENTS = join(import.meta.dirname, "skyrl-requirements.txt");

/** Where pyenv and uv keep their interpreters: a version's folder in one of these. */
const KEPT = [".pyenv/versions", ".local/share/uv/python"];

/**
 * A Python that SkyRL takes, 3.12 first; undefined where there is none.
 * @returns {string | undefined}
 */
function newEnough() {
  const kept = KEPT.flatMap((folder) => interpretersIn(join(homedir(), folder)));
  return ["python3.12", ...kept, "python3.13", "python3"].find((python) => {
    const code = "import sys; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))";
    return spawnSync(python, ["-c", code], { stdio: "ignore" }).status === 0;
  });
}

/**
 * @param {string} folder
 * @returns {string[]} lower versions first
 */
function interpretersIn(folder) {
  try {
    const versions = readdirSync(folder).filter((name) => /3\.1[23]\b/.test(name));
    return versions.sort().map((name) => join(folder, name, "bin", "python3"));
  } catch {
    return [];
  }
}

/**
 * Its interpreter.
 * @returns {Promise<string>} an absolute path
 * @throws {Error} with one sentence, where it cannot be had
 */
export function skyrlInterpreter() {
  return packageInterpreter({
    name: "skyrl",
    what: "SkyRL's server",
    python: newEnough,
    needs: "Python 3.12 or 3.13",
    packages: readFileSync(REQUIREMENTS, "utf8").trim().split("\n"),
    modules: ["aiohttp", "jax", "skyrl", "tinker", "torch"],
  });
}

if (isMain(import.meta.url)) await printOrSayWhy(skyrlInterpreter);
