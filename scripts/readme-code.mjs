/**
 * Runs the README's code: each block marked `ts` is type-checked against the built package, and then run in an empty
 * folder. Needs `npm run build` first. A block that is only to be read is marked `ts no-run`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { isMain } from "./lib/report.mjs";

/**
 * The code of a document's blocks marked `ts`, with the line at which each begins.
 * @param {string} markdown
 */
export function codeBlocks(markdown) {
  return [...markdown.matchAll(/^```ts[ \t]*\n([\s\S]*?)^```/gm)].map((match) => ({
    line: markdown.slice(0, match.index).split("\n").length + 1,
    code: match[1] ?? "",
  }));
}

/**
 * @param {string} path of a .ts file
 * @returns {string[]} the compiler's complaints
 */
function typeErrors(path) {
  const options = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
  };
  return ts
    .getPreEmitDiagnostics(ts.createProgram([path], options))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
}

/**
 * @param {string} root the project's folder, built
 * @param {string} document
 * @returns {string[]} one sentence per block that does not compile or run
 */
export function runDocument(root, document) {
  /** @type {string[]} */
  const violations = [];
  // Inside the package, so that `import … from "whetstone"` finds it by its own name.
  mkdirSync(join(root, "runs"), { recursive: true });
  const folder = mkdtempSync(join(root, "runs", "readme-"));
  const workplace = mkdtempSync(join(tmpdir(), "whetstone-readme-"));
  try {
    for (const { line, code } of codeBlocks(readFileSync(join(root, document), "utf8"))) {
      const source = join(folder, `line-${line}.ts`);
      writeFileSync(source, code);
      const errors = typeErrors(source);
      const { outputText } = ts.transpileModule(code, {
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
        },
      });
      const program = source.replace(/\.ts$/, ".mjs");
      writeFileSync(program, outputText);
      console.log(`${document}:${line}`);
      if (errors.length > 0) violations.push(`${document}:${line} does not compile: ${errors.join(" ")}`);
      else if (spawnSync(process.execPath, [program], { cwd: workplace, stdio: "inherit" }).status !== 0) {
        violations.push(`${document}:${line} does not run.`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(workplace, { recursive: true });
  }
  return violations;
}

if (isMain(import.meta.url)) {
  const violations = runDocument(process.cwd(), "README.md");
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) process.exitCode = 1;
}
