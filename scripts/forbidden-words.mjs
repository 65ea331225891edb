/**
 * Text that belongs to one machine and not to the project: registry hosts, absolute paths of a checkout or a home
 * folder, and relative paths that lead out of the repository.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { isTest, projectFiles } from "./lib/files.mjs";
import { isMain, report } from "./lib/report.mjs";

/**
 * What no file may say, with what to do instead. `(?:` and `[x]` also keep the patterns from matching themselves.
 * @type {readonly { readonly pattern: RegExp, readonly advice: string }[]}
 */
const WORDS = [
  {
    pattern: /\bregistry(?:\.[a-z0-9-]+)+\.(?:com|org|net|io|dev|cn|internal|local)\b/gi,
    advice: "names a package registry; the user's configuration decides which one is used",
  },
  {
    pattern: /\b(?:pypi\.[o]rg|python[h]osted\.org)\b/gi,
    advice: "names a package registry; the user's configuration decides which one is used",
  },
  {
    pattern: /(?<![\w.~$}-])\/(?:work|root|home|Users|workspace)(?:\/[\w.-]+|(?=["'`\s)]))/g,
    advice: "is a path of one machine; use a path relative to the repository or a cache folder",
  },
];

/** Not prose or code: binary files and the puzzles' numbers. */
const BINARY = /\.(?:safetensors|png|jpe?g|gif|ico|woff2?|tgz|gz|gguf|onnx|bin|npz|npy|parquet|pdf)$/;

/**
 * @param {string} root
 * @returns {string[]} one sentence per place
 */
export function checkWords(root) {
  return projectFiles(root)
    .filter((path) => !BINARY.test(path))
    .flatMap((path) => checkText(root, path, readFileSync(join(root, path), "utf8")));
}

/**
 * @param {string} root
 * @param {string} path relative to `root`
 * @param {string} text
 * @returns {string[]}
 */
function checkText(root, path, text) {
  /** @type {string[]} */
  const violations = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    for (const { pattern, advice } of WORDS) {
      for (const match of line.matchAll(pattern))
        violations.push(`${path}:${index + 1}: "${match[0]}" ${advice}.`);
    }
    // Tests hold made-up paths of every kind; a clone that stands alone proves that they read nothing outside.
    if (isTest(path) || path.startsWith("test/")) continue;
    for (const match of line.matchAll(/(?<![\w./])((?:\.\.\/)+)([\w-][\w.-]*)?/g)) {
      if (leadsOut(root, path, match[1] ?? "", match[2] ?? "")) {
        violations.push(`${path}:${index + 1}: "${match[0]}" leads out of the repository, or nowhere.`);
      }
    }
  }
  return violations;
}

/**
 * Whether a relative path climbs above the root, or its first folder is not there. A path in a script is relative to
 * the script or to wherever it runs, so that only what exists beside the file is taken as meant.
 * @param {string} root
 * @param {string} path the file that holds the relative path
 * @param {string} climb `../` once or more
 * @param {string} name the first part below, possibly empty
 */
function leadsOut(root, path, climb, name) {
  const target = posix.normalize(posix.join(dirname(path), climb, name));
  if (target === ".." || target.startsWith("../")) return true;
  // A compiled import ends in .js where the source ends in .ts; ./dist exists only after a build.
  const candidates = [
    target,
    target.replace(/\.js$/, ".ts"),
    target.replace(/\.js$/, ".tsx"),
    target.replace(/\.d\.ts$/, ".ts"),
  ];
  return (
    name !== "" && target !== "dist" && !candidates.some((candidate) => existsSync(join(root, candidate)))
  );
}

if (isMain(import.meta.url)) report(checkWords(process.cwd()), "no text of one machine");
