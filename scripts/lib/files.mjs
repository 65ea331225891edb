import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** What holds nothing of ours: installed, built or produced by runs; `.git` is a file in a second work tree. */
const SKIPPED = new Set([".git", "node_modules", "dist", "runs", "coverage", "__pycache__"]);
/** The same, by its place: pages that `npm run docs:api` writes. */
const SKIPPED_PLACES = new Set(["docs/api"]);

/**
 * Every file of the project under a folder, as sorted paths relative to `root` with `/` between the parts. It walks the
 * tree, and does not ask git, so that a file counts before it is committed and a fixture needs no repository.
 * @param {string} root the project's folder
 * @param {string} [folder] relative to `root`; a folder that is not there has no files
 * @returns {string[]}
 */
export function projectFiles(root, folder = ".") {
  /** @type {string[]} */
  const found = [];
  const walk = (/** @type {string} */ directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = relative(root, join(directory, entry.name)).split(sep).join("/");
      if (SKIPPED.has(entry.name) || SKIPPED_PLACES.has(path)) continue;
      if (entry.isDirectory()) walk(join(directory, entry.name));
      else if (entry.isFile()) found.push(path);
    }
  };
  try {
    walk(join(root, folder));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ENOENT") throw error;
  }
  return found.sort();
}

/**
 * Tests, and what several tests share (`x.test-helper.ts`).
 * @param {string} path
 */
export const isTest = (path) => /\.test(?:-helper)?\.[cm]?[jt]sx?$/.test(path);

/** @param {string} path */
export const isCode = (path) => /\.[cm]?[jt]sx?$/.test(path) && !path.endsWith(".d.ts");

/**
 * The fields of package.json that the checks read.
 * @typedef {{
 *   readonly bin?: Readonly<Record<string, string>>,
 *   readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>,
 *   readonly scripts?: Readonly<Record<string, string>>,
 *   readonly dependencies?: Readonly<Record<string, string>>,
 *   readonly devDependencies?: Readonly<Record<string, string>>,
 * }} PackageJson
 */

/**
 * @param {string} root
 * @returns {PackageJson}
 */
export function readPackageJson(root) {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
}

/**
 * The source files that people outside reach: what `exports` and `bin` point to, `./dist/x.js` being built from
 * `src/x.ts`. Files that are not written yet are left out; `test/repository.test.ts` insists that they are.
 * @param {string} root
 * @returns {{ readonly library: string[], readonly commands: string[] }} paths relative to `root`
 */
export function entryFiles(root) {
  const { bin = {}, exports = {} } = readPackageJson(root);
  const library = Object.values(exports).map((target) =>
    typeof target === "string" ? target : target["default"],
  );
  return { library: library.flatMap(sourceOf), commands: Object.values(bin).flatMap(sourceOf) };
}

/**
 * @param {string | undefined} built
 * @returns {string[]}
 */
function sourceOf(built) {
  const match = /^(?:\.\/)?dist\/(.*)\.js$/.exec(built ?? "");
  return match ? [`src/${match[1]}.ts`] : [];
}
