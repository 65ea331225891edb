/** ARCHITECTURE.md must list every dependency, and only those, with a reason. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readPackageJson } from "./lib/files.mjs";
import { isMain, report } from "./lib/report.mjs";

/**
 * @param {string} root
 * @returns {string[]} one sentence per dependency without a reason, or reason without a dependency
 */
export function checkArchitecture(root) {
  const { dependencies = {}, devDependencies = {} } = readPackageJson(root);
  const declared = [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  const listed = dependencyTable(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"));
  const missing = declared
    .filter((name) => (listed.get(name) ?? "") === "")
    .map((name) => `ARCHITECTURE.md gives no reason for ${name}: add a row to its table of dependencies.`);
  const stale = [...listed.keys()]
    .filter((name) => !declared.includes(name))
    .map((name) => `ARCHITECTURE.md lists ${name}, which package.json does not: remove the row.`);
  return [...missing, ...stale];
}

/**
 * The rows of the tables under the heading "Dependencies": package name in backticks, then the reason.
 * @param {string} markdown
 * @returns {Map<string, string>}
 */
function dependencyTable(markdown) {
  const section = markdown.split(/^## /m).find((part) => part.startsWith("Dependencies")) ?? "";
  const rows = section.matchAll(/^\|\s*`([^`]+)`\s*\|([^|]*)\|/gm);
  return new Map([...rows].map((row) => [row[1] ?? "", (row[2] ?? "").trim()]));
}

if (isMain(import.meta.url)) {
  report(checkArchitecture(process.cwd()), "every dependency has its reason in ARCHITECTURE.md");
}
