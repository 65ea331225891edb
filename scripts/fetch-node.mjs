/**
 * `node scripts/fetch-node.mjs 22`: another version of Node, from the package registry, for the tests of versions. It is kept in the
 * user's cache folder; the last line on stdout is the program's path. Exits with 1 and one sentence where it cannot be had.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { isMain } from "./lib/report.mjs";
import { cacheFolder } from "./python-env.mjs";

/** The versions beside the oldest that whetstone runs on, by their major one: those with long-term support. */
export const OTHER_NODES = { 22: "22.23.3", 24: "24.21.0" };

/**
 * The path of a Node of that major version.
 * @param {keyof typeof OTHER_NODES} major
 * @returns {string | undefined} undefined where there is none for this system, or the registry cannot be reached
 */
export function fetchNode(major) {
  const version = OTHER_NODES[major];
  const system = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${system}-${process.arch}`;
  const folder = join(cacheFolder(), "node", version);
  const program = join(
    folder,
    "node_modules",
    name,
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    // No install scripts: the program is in the package itself.
    const args = [
      "install",
      "--no-save",
      "--ignore-scripts",
      "--silent",
      "--prefix",
      folder,
      `${name}@${version}`,
    ];
    spawnSync("npm", args, { encoding: "utf8", timeout: 300_000, shell: process.platform === "win32" });
  }
  const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return status === 0 && stdout.trim() === `v${version}` ? program : undefined;
}

if (isMain(import.meta.url)) {
  const major = Number(process.argv[2]);
  const program =
    major in OTHER_NODES ? fetchNode(/** @type {keyof typeof OTHER_NODES} */ (major)) : undefined;
  if (program === undefined) {
    console.error(
      `There is no Node ${process.argv[2] ?? ""} to be had here; one of ${Object.keys(OTHER_NODES).join(", ")}.`,
    );
    process.exit(1);
  }
  console.log(program);
}
