/**
 * The library's sentences speak of its options; flags are the command line's words. No string outside src/cli names a flag that
 * the command line has (flags of other programs it may).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { isCode, isTest, projectFiles } from "./lib/files.mjs";
import { isMain, report } from "./lib/report.mjs";

/**
 * Where a string with a flag is no sentence of the library, by the beginning of the path.
 * @type {Readonly<Record<string, string>>} with the reason
 */
const EXEMPT = {
  "src/sharpen/methods/": "a method gives the command line its options and its examples",
  "src/policy/worker/launch.ts": "the arguments of the worker, another program",
  "src/theory/errata-text.ts": "a document that names the command that prints it",
  "src/report/suite/style.ts": "a style sheet, whose variables look like flags",
  "src/page/base-style.ts": "a style sheet",
  "src/report/report-style.ts": "a style sheet",
  "src/page/race/style.ts": "a style sheet",
};

/**
 * @param {string} root
 * @param {Readonly<Record<string, string>>} [exempt]
 * @returns {string[]} one sentence per string that names a flag
 */
export function checkFlags(root, exempt = EXEMPT) {
  const files = projectFiles(root, "src").filter((path) => isCode(path) && !isTest(path));
  const strings = files.map((path) => ({
    path,
    found: stringsOf(path, readFileSync(join(root, path), "utf8")),
  }));
  const isOfCommandLine = (/** @type {string} */ path) => path.startsWith("src/cli/");
  const flags = new Set(
    strings
      .filter(({ path }) => isOfCommandLine(path))
      .flatMap(({ found }) => found.flatMap(({ text }) => definedFlags(text))),
  );
  return strings
    .filter(
      ({ path }) => !isOfCommandLine(path) && !Object.keys(exempt).some((start) => path.startsWith(start)),
    )
    .flatMap(({ path, found }) =>
      found.flatMap(({ text, line }) =>
        [...text.matchAll(/(?<![\w-]|var\()--[a-z][a-z-]*/g)]
          .filter(([flag]) => flags.has(flag))
          .map(
            ([flag]) =>
              `${path}:${line} names ${flag}: say what to do, and let src/cli/remedies.ts name the flag.`,
          ),
      ),
    );
}

/**
 * The flags that a string of the options' tables defines: `-n, --n <count>`, `--json`.
 * @param {string} text
 */
function definedFlags(text) {
  const match = /^(?:-\w, )?(?:--no-|--)([a-z][a-z-]*)(?: [<[].*)?$/.exec(text);
  return match ? [`--${match[1]}`, `--no-${match[1]}`] : [];
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {{ readonly text: string, readonly line: number }[]} string literals and the literal parts of templates
 */
function stringsOf(path, text) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  /** @type {{ text: string, line: number }[]} */
  const found = [];
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
      found.push({ text: node.text, line });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

if (isMain(import.meta.url)) report(checkFlags(process.cwd()), "no flag in the library's sentences");
