import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { entryFiles, projectFiles, readPackageJson } from "../scripts/lib/files.mjs";
import { ROOT } from "./support/fixture.js";

const manifest = readPackageJson(ROOT);
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const documents = projectFiles(ROOT).filter((path) => path.endsWith(".md"));

describe("the package", () => {
  it("exports this and nothing else: what is listed here is promised to users", () => {
    const entry = (path: string) => ({ types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` });
    const rooms = ["reward", "run", "remote", "train", "report", "testing"];
    expect(manifest.exports).toEqual({
      ".": entry("index"),
      ...Object.fromEntries(rooms.map((room) => [`./${room}`, entry(`public/${room}`)])),
      "./graph": entry("graph/index"),
      "./theory": entry("theory/index"),
      "./package.json": "./package.json",
    });
    expect(manifest.bin).toEqual({ whetstone: "./dist/cli/main.js" });
  });

  it.each([...entryFiles(ROOT).library, ...entryFiles(ROOT).commands])("is built from %s", (path) => {
    expect(existsSync(join(ROOT, path))).toBe(true);
  });

  it("pins every dependency to an exact version", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-\d+)?$/);
    }
  });

  it("needs no install scripts and has no hooks of its own, which would not run", () => {
    expect(read(".npmrc")).toMatch(/^ignore-scripts=true$/m);
    expect(
      Object.keys(manifest.scripts ?? {}).filter((name) => /^(?:pre|post)(?!train)|^prepare$/.test(name)),
    ).toEqual([]);
  });

  it("has a lock file that names no registry", () => {
    expect(read(".npmrc")).toMatch(/^omit-lockfile-registry-resolved=true$/m);
    expect(read("package-lock.json")).not.toMatch(/"resolved"|https?:\/\/registry/);
  });
});

describe("the documents", () => {
  const folders = (parent: string) =>
    readdirSync(join(ROOT, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);

  it.each(folders("src"))("README and ARCHITECTURE say what src/%s is", (folder) => {
    expect(read("README.md")).toMatch(new RegExp(`^\\| \`src/${folder}\` +\\| \\S`, "m"));
    expect(read("ARCHITECTURE.md")).toMatch(new RegExp(`^ {2}${folder}/ +\\S`, "m"));
  });

  it("name only npm scripts that exist", () => {
    for (const document of documents) {
      for (const [, name = ""] of read(document).matchAll(/npm run (?:-s )?([a-z][\w:-]*)/g)) {
        expect(manifest.scripts, document).toHaveProperty([name]);
      }
    }
  });

  it("link only to files that exist", () => {
    for (const document of documents) {
      for (const [, target = ""] of read(document).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)) {
        expect(existsSync(join(ROOT, dirname(document), target)), `${document}: ${target}`).toBe(true);
      }
    }
  });

  const everything = projectFiles(ROOT);
  const isThere = (path: string): boolean =>
    existsSync(join(ROOT, path)) ||
    everything.some(
      (file) => `/${file}`.endsWith(`/${path}`) || file.includes(`/${path.replace(/\/?$/, "/")}`),
    );
  /** What is code in a document and looks like the place of a file of ours; `x` and `<name>` stand for any. */
  const placesIn = (text: string): string[] =>
    [...text.matchAll(/`([\w.@/-]+)`/g)]
      .map(([, code = ""]) => code)
      .filter(
        (code) =>
          (/^[\w-][\w./-]*\.(?:test-helper\.ts|ts|cjs|mjs|py)$/.test(code) ||
            /^(?:src|test|scripts|bench|docs|models|data)\//.test(code)) &&
          !/^(?:x\.|kebab-case\.)/.test(code),
      );

  it.each(documents.filter((path) => !/^(?:CHANGELOG\.md|docs\/(?:log|own-parts)\.md|data\/.*)$/.test(path)))(
    "%s names only files and folders that exist",
    (document) => {
      expect(placesIn(read(document)).filter((path) => !isThere(path))).toEqual([]);
    },
  );

  it("of which a name that is wrong would be found", () => {
    expect(
      placesIn("see `src/nowhere/x.ts`, `gone.ts`, `npm run x` and `x.test.ts`").filter(
        (path) => !isThere(path),
      ),
    ).toEqual(["src/nowhere/x.ts", "gone.ts"]);
  });

  it("the changelog has a section for what is being built, and the licence names its holders", () => {
    expect(read("CHANGELOG.md")).toMatch(/^## \[(?:Unreleased|\d+\.\d+\.\d+)\]/m);
    expect(read("LICENSE")).toContain("The whetstone authors");
  });
});
