/**
 * The examples of the doc comments: each block of code after `@example`, a whole program. What it prints stands in it, as
 * `// → text` after a `console.log`, so that a test can run it and compare.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isCode, isTest, projectFiles } from "./lib/files.mjs";

/**
 * @typedef {{ readonly path: string, readonly line: number, readonly code: string, readonly prints: string }} Example
 */

/**
 * Every example of src, in the order of the files.
 * @param {string} root
 * @returns {Example[]} each with where it begins and what it prints, a line for each `// →`
 */
export function examples(root) {
  return projectFiles(root, "src")
    .filter((path) => isCode(path) && !isTest(path))
    .flatMap((path) => examplesOf(path, readFileSync(join(root, path), "utf8")));
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {Example[]}
 */
export function examplesOf(path, text) {
  return [...text.matchAll(/^[ ]*\* @example\n[ ]*\* ```ts\n((?:[ ]*\*.*\n)*?)[ ]*\* ```$/gm)].map(
    (match) => {
      const code = (match[1] ?? "").replaceAll(/^[ ]*\* ?/gm, "");
      const prints = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, said]) => said).join("\n");
      return { path, line: text.slice(0, match.index).split("\n").length, code, prints };
    },
  );
}
