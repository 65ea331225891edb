/** The length budget: 60 to 250 lines is the aim, and no source file may pass 400 unless it is a table of data. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isCode, isTest, projectFiles } from "./lib/files.mjs";
import { isMain, report } from "./lib/report.mjs";

/** Lines that a source file may have, comments included. */
const LIMIT = 400;

/**
 * Files that are tables of data and nothing else, by path, with what they hold.
 * @type {Readonly<Record<string, string>>}
 */
const TABLES = {};

/**
 * The physical lines of each source file, tests left out, longest first.
 * @param {string} root
 */
export function fileLengths(root) {
  return ["src", "scripts", "bench"]
    .flatMap((folder) => projectFiles(root, folder))
    .filter((path) => isCode(path) && !isTest(path))
    .map((path) => ({ path, lines: readFileSync(join(root, path), "utf8").split("\n").length - 1 }))
    .sort((a, b) => b.lines - a.lines || a.path.localeCompare(b.path));
}

/**
 * @param {string} root
 * @param {Readonly<Record<string, string>>} [tables] files that may be longer
 * @returns {string[]} one sentence per file over the budget
 */
export function checkLengths(root, tables = TABLES) {
  return fileLengths(root)
    .filter(({ path, lines }) => lines > LIMIT && !(path in tables))
    .map(
      ({ path, lines }) => `${path} has ${lines} lines, over the budget of ${LIMIT}: split it by concept.`,
    );
}

if (isMain(import.meta.url)) {
  const lengths = fileLengths(process.cwd());
  for (const { path, lines } of lengths.slice(0, 10)) console.log(`${String(lines).padStart(6)}  ${path}`);
  const source = lengths.filter(({ path }) => path.startsWith("src/"));
  const total = source.reduce((sum, { lines }) => sum + lines, 0);
  report(checkLengths(process.cwd()), `${String(total).padStart(6)}  in ${source.length} files of src`);
}
