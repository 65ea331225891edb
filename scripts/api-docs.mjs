/**
 * `npm run docs:api`: the API reference as pages, one module a subpath of package.json, in docs/api (not committed). Fails where a
 * link in a comment leads nowhere, or anything else is warned of. `--out <folder>` writes elsewhere.
 */
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { Application } from "typedoc";
import { readPackageJson } from "./lib/files.mjs";
import { isMain } from "./lib/report.mjs";

/**
 * The source file of each subpath, by its name: `whetstone/reward`.
 * @param {string} root
 * @returns {Map<string, string>}
 */
export function subpathSources(root) {
  const { exports = {} } = readPackageJson(root);
  /** @type {Map<string, string>} */
  const sources = new Map();
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === "string") continue;
    const path = (target["types"] ?? "").replace(/^\.\/dist\//, "src/").replace(/\.d\.ts$/, ".ts");
    sources.set(`whetstone${subpath.slice(1)}`, join(root, path));
  }
  return sources;
}

/**
 * Writes the pages.
 * @param {string} root
 * @param {string} out
 * @returns {Promise<boolean>} false where something was wrong; what, is on the console
 */
export async function writeApiDocs(root, out) {
  const sources = subpathSources(root);
  const app = await Application.bootstrap({
    name: "whetstone",
    entryPoints: [...sources.values()],
    tsconfig: join(root, "tsconfig.build.json"),
    out,
    readme: join(root, "README.md"),
    basePath: join(root, "src"),
    // A commit's pages are the same wherever they are built.
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    jsDocCompatibility: { exampleTag: false },
    validation: { invalidLink: true, notExported: false, notDocumented: false, invalidPath: false },
    treatWarningsAsErrors: true,
    // `npm run check` has seen to the types.
    skipErrorChecking: true,
    logLevel: "Warn",
  });
  const project = await app.convert();
  if (project === undefined) return false;
  // Named as they are imported, not by their files: typedoc has them in an order of its own, without `.ts` and `/index`.
  const names = new Map(
    [...sources].map(([name, path]) => [
      relative(join(root, "src"), path).replace(/(\/index)?\.ts$/, ""),
      name,
    ]),
  );
  for (const child of project.children ?? []) {
    const name = names.get(child.name);
    if (name === undefined)
      throw new Error(
        `No subpath is made of ${child.name}; the modules are ${[...names.keys()].join(", ")}.`,
      );
    child.name = name;
  }
  app.validate(project);
  await app.generateOutputs(project);
  return !app.logger.hasErrors() && !app.logger.hasWarnings();
}

if (isMain(import.meta.url)) {
  const root = join(import.meta.dirname, "..");
  const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "docs", "api") } } });
  if (await writeApiDocs(root, values.out))
    console.log(`The API reference: ${join(values.out, "index.html")}`);
  else process.exitCode = 1;
}
