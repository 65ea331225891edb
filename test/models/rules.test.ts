import { createRequire } from "node:module";
import { join } from "node:path";
import { cruise } from "dependency-cruiser";
import type { ICruiseOptions, ICruiseResult, IFlattenedRuleSet } from "dependency-cruiser";
import { ESLint } from "eslint";
import { describe, expect, it } from "vitest";
import { ROOT, fixture } from "../support/fixture.js";

/** The rules of .dependency-cruiser.cjs and eslint.config.mjs must be able to fail. */

interface Rules {
  readonly forbidden: IFlattenedRuleSet["forbidden"];
  readonly options: ICruiseOptions;
}

/** The rules that a project breaks, each as `rule: from -> to`. */
async function broken(files: Readonly<Record<string, string>>): Promise<string[]> {
  const rules = createRequire(import.meta.url)(join(ROOT, ".dependency-cruiser.cjs")) as Rules;
  const root = fixture(files);
  const { tsConfig: _unused, ...options } = rules.options;
  const result = await cruise(["src"], {
    ...options,
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: rules.forbidden } as IFlattenedRuleSet,
  });
  const { summary } = result.output as ICruiseResult;
  return summary.violations
    .map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)
    .filter((violation) => !violation.startsWith("no-orphans: src/uses"))
    .sort();
}

const use = (...paths: readonly string[]) => paths.map((path) => `import "${path}";\n`).join("");

describe("import rules", () => {
  it("lets imports point down", async () => {
    expect(
      await broken({
        "src/cli/main.ts": use("../sharpen/a.js", "../report/a.js"),
        "src/report/a.ts": use("../core/a.js"),
        "src/sharpen/a.ts": use("../reward/a.js", "../core/a.js"),
        "src/reward/a.ts": use("../policy/a.js"),
        "src/policy/a.ts": use("../core/a.js"),
        "src/core/a.ts": "export const a = 1;\n",
      }),
    ).toEqual([]);
  });

  it("refuses imports that point up or to a sibling, types included", async () => {
    expect(
      await broken({
        "src/core/a.ts": use("../graph/a.js"),
        "src/graph/a.ts": `import type { T } from "../transformer/a.js";\nexport const t = (x: T): T => x;\n`,
        "src/transformer/a.ts": `export type T = number;\n`,
        "src/report/a.ts": use("../theory/a.js"),
        "src/theory/a.ts": use("../cli/a.js", "../index.js"),
        "src/transformer/decode/a.ts": use("../train/a.js"),
        "src/transformer/train/a.ts": "export const t = 1;\n",
        "src/transformer/format/a.ts": use("../text/a.js", "../model.js"),
        "src/transformer/text/a.ts": "export const t = 1;\n",
        "src/transformer/model.ts": use("./text/a.js"),
        "src/cli/a.ts": "export const a = 1;\n",
        "src/index.ts": "export const b = 1;\n",
      }),
    ).toEqual([
      "direction-of-core: src/core/a.ts -> src/graph/a.ts",
      "direction-of-decode: src/transformer/decode/a.ts -> src/transformer/train/a.ts",
      "direction-of-format: src/transformer/format/a.ts -> src/transformer/model.ts",
      "direction-of-format: src/transformer/format/a.ts -> src/transformer/text/a.ts",
      "direction-of-graph: src/graph/a.ts -> src/transformer/a.ts",
      "direction-of-report: src/report/a.ts -> src/theory/a.ts",
      "direction-of-theory: src/theory/a.ts -> src/cli/a.ts",
      "direction-of-theory: src/theory/a.ts -> src/index.ts",
    ]);
  });

  it("keeps rewards from models, the library from the command line, and the runtime in graph", async () => {
    expect(
      await broken({
        "src/reward/a.ts": use("../transformer/a.js"),
        "src/transformer/a.ts": use("onnxruntime-node"),
        "src/graph/a.ts": use("onnxruntime-node"),
        "src/index.ts": use("./cli/a.js", "./graph/a.js"),
        "src/cli/a.ts": "export const a = 1;\n",
        "package.json": JSON.stringify({ dependencies: { "onnxruntime-node": "1.30.0" } }),
      }),
    ).toEqual([
      "no-command-line-in-library: src/index.ts -> src/cli/a.ts",
      expect.stringMatching(/^one-place-for-onnxruntime: src\/transformer\/a\.ts -> .*onnxruntime-node/),
      "rewards-know-no-model: src/reward/a.ts -> src/transformer/a.ts",
    ]);
  });

  it("refuses cycles, orphans, new folders, dev dependencies, tests and nothing at all as imports", async () => {
    expect(
      await broken({
        "src/core/a.ts": use("./b.js"),
        "src/core/b.ts": use("./a.js"),
        "src/core/orphan.ts": "export const a = 1;\n",
        "src/misc/uses.ts": use("../core/a.js"),
        "src/run/uses.ts": use("../core/c.test.js", "./nowhere.js"),
        "src/run/uses-dev.ts": use("fast-check"),
        "src/core/c.test.ts": use("fast-check"),
        "package.json": JSON.stringify({ devDependencies: { "fast-check": "4.10.2" } }),
      }),
    ).toEqual([
      "no-cycles: src/core/a.ts -> src/core/b.ts",
      expect.stringMatching(/^no-dev-dependencies-in-source: src\/run\/uses-dev\.ts -> .*fast-check/),
      "no-orphans: src/core/orphan.ts -> src/core/orphan.ts",
      "no-tests-in-source: src/run/uses.ts -> src/core/c.test.ts",
      "resolvable: src/run/uses.ts -> ./nowhere.js",
      "unknown-folder: src/misc/uses.ts -> src/core/a.ts",
    ]);
  });
});

/** The rules that a source file breaks, in a project of its own: the whole of this one takes long to load. */
async function lint(path: string, text: string): Promise<string[]> {
  const compilerOptions = {
    strict: true,
    module: "nodenext",
    target: "es2023",
    lib: ["es2023"],
    types: ["node"],
  };
  const root = fixture({
    [path]: text,
    "tsconfig.json": JSON.stringify({ compilerOptions, include: ["src"] }),
  });
  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: join(ROOT, "eslint.config.mjs"),
    overrideConfig: { languageOptions: { parserOptions: { tsconfigRootDir: root } } },
  });
  const [result] = await eslint.lintFiles([path]);
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message).sort();
}

describe("lint rules", () => {
  it("refuses floating and misused promises, any, and imports of types as values", async () => {
    const text = `import { Buffer } from "node:buffer";
const wait = async (): Promise<void> => {};
wait();
if (wait()) throw new Error("never");
export const given = (x: any, y: Buffer): unknown => [x, y];
`;
    expect(await lint("src/core/a.ts", text)).toEqual([
      "@typescript-eslint/consistent-type-imports",
      "@typescript-eslint/no-explicit-any",
      "@typescript-eslint/no-floating-promises",
      "@typescript-eslint/no-misused-promises",
    ]);
  });

  it("refuses default exports, the console, the clock and unseeded randomness in the library", async () => {
    const text = `console.log(Math.random(), Date.now(), performance.now(), new Date(), new Date(0));
// TO\u0044O: later
export default 1;
`;
    expect(await lint("src/core/a.ts", text)).toEqual([
      "no-console",
      "no-restricted-syntax",
      "no-restricted-syntax",
      "no-restricted-syntax",
      "no-restricted-syntax",
      "no-restricted-syntax",
      "no-warning-comments",
    ]);
  });

  it("lets the command line print and read the clock, but not draw unseeded", async () => {
    expect(await lint("src/cli/a.ts", "console.log(Math.random(), Date.now(), new Date());\n")).toEqual([
      "no-restricted-syntax",
    ]);
  });

  it("lets a test time nothing", async () => {
    const text = "export const since = performance.now();\n";
    expect(await lint("src/core/a.test.ts", text)).toEqual(["no-restricted-syntax"]);
  });

  it("passes what the house does", async () => {
    const text = `import type { Buffer } from "node:buffer";
const wait = async (): Promise<void> => {};
export async function given(bytes: Buffer): Promise<Date> {
  await wait();
  return new Date(bytes.length);
}
`;
    expect(await lint("src/core/a.ts", text)).toEqual([]);
  });
});
