/**
 * The length budget: 60 to 250 lines is the aim, no source file may pass 350, and the median file of src stays under 110. As a
 * program it checks the functions, too.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkFunctions } from "./function-lengths.mjs";
import { isCode, isTest, projectFiles } from "./lib/files.mjs";
import { isMain, report } from "./lib/report.mjs";

/** Lines that a source file may have, comments included. */
const LIMIT = 350;
/** The median file of src stays below this. */
const MEDIAN = 110;

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
 * @returns {string[]} one sentence per file over the budget, and one if the median is
 */
export function checkLengths(root) {
  const lengths = fileLengths(root);
  const long = lengths
    .filter(({ lines }) => lines > LIMIT)
    .map(
      ({ path, lines }) => `${path} has ${lines} lines, over the budget of ${LIMIT}: split it by concept.`,
    );
  const median = medianOfSource(lengths);
  if (median < MEDIAN) return long;
  return [...long, `The median file of src has ${median} lines: it is to stay under ${MEDIAN}.`];
}

/**
 * The length in the middle of those of src: the upper one of two, 0 of none.
 * @param {ReturnType<typeof fileLengths>} lengths longest first
 */
function medianOfSource(lengths) {
  const source = lengths.filter(({ path }) => path.startsWith("src/"));
  return source[Math.floor((source.length - 1) / 2)]?.lines ?? 0;
}

if (isMain(import.meta.url)) {
  const lengths = fileLengths(process.cwd());
  for (const { path, lines } of lengths.slice(0, 10)) console.log(`${String(lines).padStart(6)}  ${path}`);
  const source = lengths.filter(({ path }) => path.startsWith("src/"));
  const total = source.reduce((sum, { lines }) => sum + lines, 0);
  report(
    [...checkLengths(process.cwd()), ...checkFunctions(process.cwd())],
    `${String(total).padStart(6)}  in ${source.length} files of src, median ${medianOfSource(lengths)}`,
  );
}
