/** Every dependency is used where it is declared for, and everything imported is declared. */
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import ts from "typescript";
import { isCode, isTest, projectFiles, readPackageJson } from "./lib/files.mjs";
import { isMain, report } from "./lib/report.mjs";

/** Packages whose command has another name. @type {Readonly<Record<string, string>>} */
const COMMANDS = { typescript: "tsc", "dependency-cruiser": "depcruise" };

/**
 * @param {string} root
 * @returns {string[]} one sentence per dependency unused, undeclared or declared in the wrong place
 */
export function checkDependencies(root) {
  const { dependencies = {}, devDependencies = {}, scripts = {} } = readPackageJson(root);
  const code = projectFiles(root).filter(isCode);
  const ofSource = importedPackages(root, code.filter(isShipped));
  const ofTools = importedPackages(
    root,
    code.filter((path) => !isShipped(path)),
  );
  const commands = [
    ...Object.values(scripts),
    ...projectFiles(root, "scripts")
      .filter(isCode)
      .map((path) => readFileSync(join(root, path), "utf8")),
  ].join("\n");
  const types = new Set(Object.keys(devDependencies).filter((name) => name.startsWith("@types/")));

  const violations = [];
  for (const name of Object.keys(dependencies)) {
    if (!ofSource.has(name))
      violations.push(`${name} is a dependency that nothing in src imports: remove it.`);
  }
  for (const name of Object.keys(devDependencies)) {
    const command = COMMANDS[name] ?? name;
    const used = types.has(name)
      ? name === "@types/node" || ofSource.has(name.slice(7)) || ofTools.has(name.slice(7))
      : ofTools.has(name) || new RegExp(`(^|["\\s])${command}(["\\s]|$)`, "m").test(commands);
    if (!used) violations.push(`${name} is a dev dependency that no test, config or script uses: remove it.`);
  }
  for (const [name, path] of ofSource) {
    if (name in dependencies) continue;
    violations.push(
      name in devDependencies
        ? `${path} imports ${name}, a dev dependency: users of the package would not have it.`
        : `${path} imports ${name}, which package.json does not declare.`,
    );
  }
  for (const [name, path] of ofTools) {
    if (!(name in dependencies) && !(name in devDependencies)) {
      violations.push(`${path} imports ${name}, which package.json does not declare.`);
    }
  }
  return violations;
}

/** @param {string} path */
const isShipped = (path) => path.startsWith("src/") && !isTest(path);

/**
 * Packages imported, each with one file that does. Node's own modules and the project's own name do not count.
 * @param {string} root
 * @param {readonly string[]} paths
 * @returns {Map<string, string>}
 */
function importedPackages(root, paths) {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const path of paths) {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(root, path), "utf8"), true, true);
    for (const { fileName } of importedFiles) {
      const name = packageName(fileName);
      if (name !== undefined && !found.has(name)) found.set(name, path);
    }
  }
  return found;
}

/**
 * @param {string} specifier
 * @returns {string | undefined} undefined for a file, a module of Node, and whetstone itself
 */
function packageName(specifier) {
  if (/^[./]|^node:|^file:/.test(specifier) || builtinModules.includes(specifier)) return undefined;
  const [first = "", second = ""] = specifier.split("/");
  const name = first.startsWith("@") ? `${first}/${second}` : first;
  return name === "whetstone" ? undefined : name;
}

if (isMain(import.meta.url))
  report(checkDependencies(process.cwd()), "every dependency is used and declared");
