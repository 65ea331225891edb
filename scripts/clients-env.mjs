/**
 * Clients of OpenAI's API for the tests of the server, in both languages, never at run time: two environments in the user's cache folder,
 * made once and shared by every checkout. The last line on stdout is where they are.
 * Exits with 1 and one sentence where they cannot be had.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMain, printOrSayWhy } from "./lib/report.mjs";
import { acquire, cacheFolder } from "./python-env.mjs";

const REQUIREMENTS = join(import.meta.dirname, "client-requirements.txt");
const PACKAGES = join(import.meta.dirname, "client-packages.json");
/** In an environment: what it was filled with. */
const FILLED_WITH = "filled-with.txt";
const FILL_MINUTES = 15;

/**
 * Fills a folder where it has not what is wanted; of several processes that ask at once, one fills and the others wait for it.
 * @param {string} folder
 * @param {string} wanted
 * @param {readonly (readonly [string, readonly string[]])[]} steps programs and what they are told, in that folder
 */
async function filled(folder, wanted, steps) {
  const mark = join(folder, FILLED_WITH);
  const has = () => existsSync(mark) && readFileSync(mark, "utf8") === wanted;
  if (!existsSync(`${folder}.lock`) && has()) return folder;
  mkdirSync(folder, { recursive: true });
  const release = await acquire(`${folder}.lock`, FILL_MINUTES);
  try {
    if (has()) return folder;
    for (const [program, args] of steps) {
      const { status, stderr, error } = spawnSync(program, args, {
        ...{ cwd: folder, encoding: "utf8", timeout: FILL_MINUTES * 60_000 },
        stdio: ["ignore", 2, "pipe"],
      });
      if (status === 0) continue;
      const reason = (stderr ?? error?.message ?? "").trim().split("\n").at(-1);
      throw new Error(`${program} ${args[0]} fails in ${folder}: ${reason || "it did not start"}`);
    }
    writeFileSync(mark, wanted);
    return folder;
  } finally {
    release();
  }
}

/** Where the clients for Node are installed. @returns {Promise<string>} a folder @throws {Error} with one sentence */
export async function nodeClients() {
  const dependencies = readFileSync(PACKAGES, "utf8");
  const folder = join(cacheFolder(), "clients-js");
  mkdirSync(folder, { recursive: true });
  const manifest = { private: true, type: "module", dependencies: JSON.parse(dependencies) };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  return filled(folder, dependencies, [["npm", args]]);
}

/** The interpreter that has the clients for Python. @returns {Promise<string>} a path @throws {Error} with one sentence */
export async function pythonClients() {
  const folder = join(cacheFolder(), "clients-py");
  const python = join(folder, "bin", "python");
  const pip = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--no-compile",
    "--disable-pip-version-check",
    "-r",
    REQUIREMENTS,
  ];
  await filled(folder, readFileSync(REQUIREMENTS, "utf8"), [
    ["python3", ["-m", "venv", folder]],
    [python, pip],
  ]);
  return python;
}

if (isMain(import.meta.url))
  await printOrSayWhy(async () =>
    JSON.stringify({ node: await nodeClients(), python: await pythonClients() }),
  );
