import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { examples } from "../../scripts/examples.mjs";
import { readPackageJson } from "../../scripts/lib/files.mjs";
import { ROOT } from "../support/fixture.js";

/** What somebody has who installs the package: its tarball, unpacked among its dependencies, and a compiler at its strictest. */
const manifest = readPackageJson(ROOT);
const SUBPATHS = Object.keys(manifest.exports ?? {}).filter((path) => path !== "./package.json");
const place = mkdtempSync(join(tmpdir(), "whetstone-package-"));
const outside = join(place, "outside");
const installed = join(outside, "node_modules", "whetstone");

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  expect(status, `${command} ${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}

beforeAll(() => {
  const source = join(place, "source");
  mkdirSync(source);
  const shared = ["package.json", "models", "data", "README.md", "LICENSE", "CHANGELOG.md"];
  for (const path of shared) cpSync(join(ROOT, path), join(source, path), { recursive: true });
  const tsc = join(ROOT, "node_modules", ".bin", "tsc");
  const out = ["--outDir", join(source, "dist"), "--tsBuildInfoFile", join(place, "buildinfo")];
  run(tsc, ["-p", join(ROOT, "tsconfig.build.json"), ...out], ROOT);
  run("npm", ["pack", "--loglevel=error", "--pack-destination", place], source);
  const tarball = readdirSync(place).find((name) => name.endsWith(".tgz"))!;
  mkdirSync(installed, { recursive: true });
  run("tar", ["-xzf", join(place, tarball), "-C", installed, "--strip-components=1"], place);
  for (const name of [...Object.keys(manifest.dependencies ?? {}), "@types/node"]) {
    const link = join(outside, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), link);
  }
  writeFileSync(join(outside, "package.json"), '{ "type": "module", "private": true }');
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** The compiler's complaints about files outside, those about the package's own declarations among them. */
function complaints(paths: readonly string[]): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    types: ["node"],
  };
  return ts
    .getPreEmitDiagnostics(ts.createProgram([...paths], options))
    .filter(({ file }) => file === undefined || !isOthers(file.fileName))
    .map(
      ({ file, messageText }) =>
        `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
}

/** Declarations of a dependency may be wrong on their own account; ours and the user's may not. */
const isOthers = (path: string): boolean =>
  path.includes("/node_modules/") &&
  !path.startsWith(installed) &&
  !path.includes("/node_modules/whetstone/");

describe("the packed package", () => {
  it.each(SUBPATHS)("is imported by its subpath %s, types and values", (subpath) => {
    const path = join(outside, `use${subpath.replaceAll(/\W/g, "-")}.ts`);
    const specifier = `whetstone${subpath.slice(1)}`;
    writeFileSync(
      path,
      `import * as all from "${specifier}";\nexport const names: string[] = Object.keys(all);\n`,
    );
    expect(complaints([path])).toEqual([]);
    const names = run(
      process.execPath,
      ["--input-type=module", "-e", `import * as a from "${specifier}"; console.log(Object.keys(a).length)`],
      outside,
    );
    expect(Number(names)).toBeGreaterThan(0);
  });

  it("runs every example of its documentation, after the strictest check of their types", () => {
    const all = examples(ROOT);
    expect(all.length).toBeGreaterThanOrEqual(10);
    const written = all.map(({ code }, at) => {
      const path = join(outside, `example-${at}.ts`);
      writeFileSync(path, code);
      return path;
    });
    expect(complaints(written)).toEqual([]);
    for (const [at, { path, line, code, prints }] of all.entries()) {
      const { outputText } = ts.transpileModule(code, {
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
        },
      });
      const program = join(outside, `example-${at}.mjs`);
      writeFileSync(program, outputText);
      expect(run(process.execPath, [program], outside).trim(), `${path}:${line}`).toBe(prints);
    }
  });

  it("has an executable that says its version", () => {
    const { version } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    expect(run(process.execPath, [join(installed, "dist/cli/main.js"), "--version"], outside)).toBe(
      `${version}\n`,
    );
  });
});
