import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { isTest, projectFiles } from "../../scripts/lib/files.mjs";
import { ROOT } from "./fixture.js";

/** Laid out as the package is installed: what the code finds by relative paths lies beside `dist`. */
const PACKAGE = join(ROOT, "node_modules", ".cache", "whetstone-tests");
const OPTIONS = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  jsx: ts.JsxEmit.ReactJSX,
  jsxImportSource: "preact",
} as const;

/**
 * Compiles the source (no types are checked: `npm run check` does) to a folder that tests can start child processes from;
 * files that have not changed are left alone.
 * @param root the project's folder, or a copy of it; @param target where the package is laid out.
 * @returns the compiled package's `dist`.
 */
export function compileSource(root = ROOT, target = PACKAGE): string {
  mkdirSync(target, { recursive: true });
  for (const shared of ["package.json", "models", "data", "trainers"]) {
    if (!readdirSync(target).includes(shared)) link(join(root, shared), join(target, shared));
  }
  for (const path of projectFiles(root, "src").filter(
    (file) => /\.(?:m?[jt]s|tsx)$/.test(file) && !isTest(file),
  )) {
    const compiled = join(target, path.replace(/^src\//, "dist/").replace(/\.tsx?$/, ".js"));
    const { mtime } = statSync(join(root, path));
    if (existsSync(compiled) && statSync(compiled).mtimeMs === mtime.getTime()) continue;
    const source = readFileSync(join(root, path), "utf8");
    const code = /\.tsx?$/.test(path)
      ? ts.transpileModule(source, { compilerOptions: OPTIONS, fileName: path }).outputText
      : source;
    replace(compiled, code, mtime);
  }
  return join(target, "dist");
}

/** Another test process may be at the same work. */
function link(target: string, path: string): void {
  try {
    symlinkSync(target, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** The compiled file gets the source's time, which tells whether it is current. */
function replace(path: string, text: string, time: Date): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, text);
  utimesSync(draft, time, time);
  renameSync(draft, path);
}
