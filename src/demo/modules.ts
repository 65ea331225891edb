import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** What compiled modules import, statically: `from "x"`, `import "x"`. */
const IMPORTS = /^\s*(?:import\s*|(?:import|export)\b[^"';=]*?\bfrom\s*)["']([^"']+)["'];?\s*$/gm;

const RELATIVE_MJS = /(["']\.[^"'\n]*)\.mjs(["'])/g;
const asJs = (name: string): string => name.replace(/\.mjs$/, ".js");

/** The modules that one needs, itself included, and the packages that they name. */
export interface Closure {
  /** Texts by path, relative to the root, with slashes. */
  readonly files: ReadonlyMap<string, string>;
  readonly packages: ReadonlySet<string>;
}

/**
 * Everything that a compiled module imports, directly or not.
 * @param root the folder that all of them lie in.
 * @throws Error for a module of Node, with who imports it: browsers have none.
 */
export function closureOf(root: string, entry: string): Closure {
  const files = new Map<string, string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    const name = relative(root, path).replaceAll("\\", "/");
    if (files.has(asJs(name))) return;
    const text = readFileSync(path, "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
    // Not every static server knows what `.mjs` is, and browsers take no module of an unknown type.
    files.set(asJs(name), text.replace(RELATIVE_MJS, "$1.js$2"));
    for (const [, specifier] of text.matchAll(IMPORTS)) {
      if (specifier!.startsWith("node:"))
        throw new Error(`${name} imports ${specifier}, which browsers lack.`);
      if (specifier!.startsWith(".")) visit(join(dirname(path), specifier!));
      else packages.add(specifier!);
    }
  };
  visit(join(root, entry));
  return { files, packages };
}
