/** Functions fit on a screen: 60 lines of code at most, blank lines and comments not counted. Tests may group in long callbacks. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { isCode, isTest, projectFiles } from "./lib/files.mjs";

/** Lines of code that a function may have, its signature and its braces included. */
const LIMIT = 60;

/** @typedef {{ readonly path: string, readonly line: number, readonly name: string, readonly lines: number }} FunctionLength */

/**
 * Every function of the source, scripts and benchmarks that is over the limit, tests left out, longest first.
 * @param {string} root
 * @returns {FunctionLength[]}
 */
function longFunctions(root) {
  return ["src", "scripts", "bench", "models"]
    .flatMap((folder) => projectFiles(root, folder))
    .filter((path) => isCode(path) && !isTest(path))
    .flatMap((path) => longFunctionsOf(path, readFileSync(join(root, path), "utf8")))
    .sort((a, b) => b.lines - a.lines || a.path.localeCompare(b.path) || a.line - b.line);
}

/**
 * @param {string} root
 * @returns {string[]} one sentence per function over the limit
 */
export function checkFunctions(root) {
  return longFunctions(root).map(
    ({ path, line, name, lines }) =>
      `${path}:${line}: ${name} has ${lines} lines of code, over ${LIMIT}: give its steps names of their own.`,
  );
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {FunctionLength[]}
 */
function longFunctionsOf(path, text) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  /** @type {readonly number[] | undefined} */
  let code;
  /** @type {FunctionLength[]} */
  const found = [];
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isFunctionLike(node) && "body" in node && node.body) {
      const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line;
      const last = file.getLineAndCharacterOfPosition(node.end).line;
      // Most functions are short even with their comments: no need to count their tokens.
      if (last - first >= LIMIT) code ??= codeLines(file);
      const lines = code?.filter((line) => line >= first && line <= last).length ?? 0;
      if (lines > LIMIT) found.push({ path, line: first + 1, name: nameOf(node, file), lines });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/**
 * The lines on which a token or a part of one stands: comments are no tokens.
 * @param {ts.SourceFile} file
 * @returns {number[]} each once, from 0, ascending
 */
function codeLines(file) {
  /** @type {Set<number>} */
  const lines = new Set();
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isJSDoc(node)) return;
    if (node.getChildCount(file) > 0) {
      for (const child of node.getChildren(file)) visit(child);
      return;
    }
    if (node.end === node.getStart(file)) return;
    const last = file.getLineAndCharacterOfPosition(node.end).line;
    for (let at = file.getLineAndCharacterOfPosition(node.getStart(file)).line; at <= last; at++)
      lines.add(at);
  };
  visit(file);
  return [...lines].sort((a, b) => a - b);
}

/**
 * @param {ts.Node} node
 * @param {ts.SourceFile} file
 */
function nameOf(node, file) {
  const named = [node, node.parent].find(
    (candidate) => "name" in candidate && candidate.name !== undefined && !ts.isParameter(candidate),
  );
  const name = /** @type {{ name?: ts.Node } | undefined} */ (named)?.name;
  return name ? name.getText(file) : "a function without a name";
}
