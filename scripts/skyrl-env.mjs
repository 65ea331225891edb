/**
 * SkyRL's server of Tinker's protocol for the tests of remote trainers, never at run time: on the CPU, in an environment of Python 3.12 of
 * its own in the user's cache folder, made once (some gigabytes).
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { packageInterpreter } from "./lib/package-env.mjs";

/**
 * Its interpreter.
 * @returns {Promise<string>} an absolute path
 * @throws {Error} with one sentence, where it cannot be had
 */
export function skyrlInterpreter() {
  return packageInterpreter({
    name: "skyrl",
    what: "SkyRL's server",
    python: python312,
    needs: "Python 3.12",
    // torch and aiohttp are missing from its extras.
    packages: ["skyrl[tinker,jax]==0.4.0", "torch==2.15.0", "aiohttp"],
    modules: ["skyrl", "tinker", "jax", "torch", "aiohttp"],
  });
}

/** A Python 3.12 that starts: of the path, or of pyenv, whose shims start none that is not chosen. */
function python312() {
  const versions = join(homedir(), ".pyenv", "versions");
  const own = existsSync(versions)
    ? readdirSync(versions)
        .filter((name) => name.startsWith("3.12."))
        .map((name) => join(versions, name, "bin", "python3.12"))
    : [];
  const starts = (/** @type {string} */ name) =>
    spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
  return ["python3.12", ...own].find(starts);
}

/**
 * SkyRL starts its engine by `uv run`, which wants to resolve its project anew: this stand-in runs the environment's own Python. It stays
 * the server's parent, whose command line the server reads.
 * @param {string} folder where to write it
 * @param {string} python
 * @returns {string} the folder to put on the path
 */
export function writeUvStandIn(folder, python) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "uv");
  writeFileSync(path, `#!/bin/sh\nwhile [ "$1" != "-m" ]; do shift; done\n${python} "$@"\n`);
  chmodSync(path, 0o755);
  return folder;
}
