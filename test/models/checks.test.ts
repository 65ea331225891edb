import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compare } from "../../bench/compare.mjs";
import { checkArchitecture } from "../../scripts/architecture.mjs";
import { runSteps } from "../../scripts/check.mjs";
import { countTests } from "../../scripts/count-tests.mjs";
import { checkDependencies } from "../../scripts/dead-dependencies.mjs";
import { checkExports } from "../../scripts/dead-exports.mjs";
import { checkLengths } from "../../scripts/file-lengths.mjs";
import { checkFlags } from "../../scripts/library-flags.mjs";
import { checkFunctions } from "../../scripts/function-lengths.mjs";
import { checkWords } from "../../scripts/forbidden-words.mjs";
import { codeBlocks } from "../../scripts/readme-code.mjs";
import { ROOT, fixture } from "../support/fixture.js";

/** Every checker must be able to fail: each finds what is wrong in a small project, and nothing in its mended twin. */

describe("npm run check", () => {
  const names = async (...commands: readonly (readonly string[])[]) => {
    const lines: string[] = [];
    const steps = commands.map((command, index) => ({ name: String(index), command }));
    const failed = await runSteps(steps, (text) => lines.push(text));
    return { failed: failed.map(({ name }) => name), lines };
  };
  const good = ["node", "-e", ""];
  const slow = ["node", "-e", "setTimeout(() => {}, 1500)"];
  const bad = ["node", "-e", "console.log('why'); process.exit(3)"];

  it("starts nothing after a step that fails, and says which, why and how long", async () => {
    const { failed, lines } = await names(bad, slow, good);
    expect(failed).toEqual(["0"]);
    expect(lines).toEqual([
      "why",
      expect.stringMatching(/^FAIL +\d+\.\d s {2}0$/),
      expect.stringMatching(/^ok {3} +\d+\.\d s {2}1$/),
    ]);
    expect((await names(good, good, good)).failed).toEqual([]);
  });

  it("counts a program that is not there as a failure", async () => {
    expect((await names(["no-such-program"])).failed).toEqual(["0"]);
  });

  it("ends with a code other than 0, as a program", () => {
    const check = (...steps: readonly string[]) =>
      spawnSync(process.execPath, [join(ROOT, "scripts/check.mjs"), ...steps], {
        cwd: fixture({}),
        encoding: "utf8",
      });
    const { status, stdout, stderr } = check("architecture");
    expect(status).toBe(1);
    expect(stdout).toMatch(/^FAIL +\d+\.\d s {2}architecture$/m);
    expect(stderr).toMatch(/failed at architecture: node scripts\/architecture\.mjs/);
    expect(check("no-such-step").stderr).toContain(
      "There is no step no-such-step; the steps are words, lengths,",
    );
  });
});

describe("dead exports", () => {
  const manifest = JSON.stringify({ type: "module", exports: { ".": { default: "./dist/index.js" } } });
  const library = {
    "package.json": manifest,
    "src/index.ts": `export { open } from "./core/open.js";\nexport * from "./core/all.js";\n`,
    "src/core/open.ts": `import { helper } from "./helper.js";\nexport const open = () => helper();\n`,
    "src/core/all.ts": "export const all = 1;\n",
  };

  it("finds an export that nothing, or only a test, uses", () => {
    const root = fixture({
      ...library,
      "src/core/helper.ts":
        "export const helper = () => 1;\nexport const dead = 2;\nexport const tested = 3;\n",
      "src/core/helper.test.ts": `import { tested } from "./helper.js";\nconsole.log(tested);\n`,
    });
    expect(checkExports(root)).toEqual([
      expect.stringContaining("src/core/helper.ts: nothing uses the export dead"),
      expect.stringContaining("src/core/helper.ts: only tests use the export tested"),
    ]);
    const reason = "the reference that the fast form is compared with";
    expect(checkExports(root, [{ file: "src/core/helper.ts", name: "tested", reason }])).toEqual([
      expect.stringContaining("the export dead"),
    ]);
  });

  it("sees that a script uses what is built from the source", () => {
    const root = fixture({
      ...library,
      "src/core/helper.ts": "export const helper = () => 1;\nexport const scripted = 2;\n",
      "models/a.mjs": `import { scripted } from "../dist/core/helper.js";\nconsole.log(scripted);\n`,
      "dist/core/helper.js": "export const scripted = 2;\n",
      "dist/core/helper.d.ts": "export declare const scripted: number;\n",
    });
    expect(checkExports(root)).toEqual([]);
  });

  it("refuses a test-only entry that is used after all, has no file, or gives no reason", () => {
    const root = fixture({ ...library, "src/core/helper.ts": "export const helper = () => 1;\n" });
    expect(
      checkExports(root, [
        { file: "src/core/helper.ts", name: "helper", reason: "" },
        { file: "src/core/gone.ts", name: "gone", reason: "it was needed" },
      ]),
    ).toEqual([
      expect.stringContaining("helper is used by the source"),
      expect.stringContaining("src/core/helper.ts: helper has no such file, or no reason"),
      expect.stringContaining("src/core/gone.ts: gone has no such file, or no reason"),
    ]);
  });

  it("sees uses through namespaces, import(), shorthand properties, and types in signatures, but not through a private index", () => {
    const root = fixture({
      ...library,
      "src/core/helper.ts": `import * as space from "./space.js";
import { short } from "./short.js";
export const helper = async (): Promise<number> => {
  const { late } = await import("./late.js");
  return space.used + late + Object.keys({ short }).length;
};
`,
      "src/core/space.ts": "export const used = 1;\nexport const unused = 2;\n",
      "src/core/short.ts": "export const short = 1;\nexport const long = 2;\n",
      "src/core/late.ts": "export const late = 1;\nexport const never = 2;\n",
      "src/core/barrel.ts": `export { passedOn } from "./passed-on.js";\n`,
      "src/core/passed-on.ts": "export const passedOn = 1;\n",
      "src/core/all.ts": `export interface Named { readonly x: number }
export const all = (named: Named): number => named.x;
`,
      "src/core/inner.ts": `export interface Inner { readonly x: number }
export interface Alone { readonly x: number }
export const inner = (value: Inner): number => value.x;
`,
      "src/core/open.ts": `import { helper } from "./helper.js";\nimport { inner } from "./inner.js";
export const open = () => helper() && inner;\n`,
    });
    const dead = checkExports(root).map((violation) => /export (\w+)/.exec(violation)?.[1]);
    expect(dead.sort()).toEqual(["Alone", "long", "never", "passedOn", "unused"]);
  });
});

describe("dead dependencies", () => {
  it("finds what is unused, undeclared, or declared in the wrong place", () => {
    const root = fixture({
      "package.json": JSON.stringify({
        dependencies: { commander: "1.0.0", zod: "1.0.0" },
        devDependencies: {
          prettier: "1.0.0",
          "fast-check": "1.0.0",
          vitest: "1.0.0",
          "@types/left-pad": "1.0.0",
        },
        scripts: { format: "prettier --write ." },
      }),
      "src/a.ts": `import { z } from "zod/v4";\nimport fc from "fast-check";\nimport "@scope/absent/deep";\nimport "node:fs";\n`,
      "src/a.test.ts": `import { it } from "vitest";\nimport other from "undeclared";\n`,
    });
    expect(checkDependencies(root)).toEqual([
      expect.stringMatching(/^commander is a dependency that nothing in src imports/),
      expect.stringMatching(/^fast-check is a dev dependency that no test/),
      expect.stringMatching(/^@types\/left-pad is a dev dependency that no test/),
      expect.stringMatching(/^src\/a\.ts imports fast-check, a dev dependency/),
      expect.stringMatching(/^src\/a\.ts imports @scope\/absent, which package\.json does not declare/),
      expect.stringMatching(/^src\/a\.test\.ts imports undeclared, which package\.json does not declare/),
    ]);
  });

  it("passes where everything is used and declared", () => {
    const root = fixture({
      "package.json": JSON.stringify({
        dependencies: { zod: "1.0.0" },
        devDependencies: { typescript: "1.0.0", vitest: "1.0.0", "@types/node": "1.0.0" },
        scripts: { build: "tsc -p ." },
      }),
      "src/a.ts": `export const load = () => import("zod");\n`,
      "src/a.test.ts": `import { it } from "vitest";\n`,
    });
    expect(checkDependencies(root)).toEqual([]);
  });
});

describe("file lengths", () => {
  it("finds a source file over 350 lines, and no test", () => {
    const root = fixture({
      "src/long.ts": "\n".repeat(351),
      "src/limit.ts": "\n".repeat(350),
      "src/short.ts": "\n".repeat(20),
      "src/shorter.ts": "\n".repeat(10),
      "src/shortest.ts": "\n",
      "src/long.test.ts": "\n".repeat(900),
    });
    expect(checkLengths(root)).toEqual([expect.stringContaining("src/long.ts has 351 lines")]);
  });

  it("finds a median of 110 lines or more in src", () => {
    const lengths = (...lines: readonly number[]) =>
      fixture(Object.fromEntries(lines.map((count, at) => [`src/f${at}.ts`, "\n".repeat(count)])));
    expect(checkLengths(lengths(10, 110, 300))).toEqual([
      expect.stringContaining("median file of src has 110"),
    ]);
    expect(checkLengths(lengths(10, 109, 300))).toEqual([]);
  });
});

describe("function lengths", () => {
  /** A function with so many lines of code, which comments and blank lines do not lengthen. */
  const long = (head: string, lines: number): string =>
    `${head}\n${"  // why\n\n  work();\n".repeat(lines - 2)}}`;

  it("finds functions of more than 60 lines of code, however they are written, and not those of tests", () => {
    const root = fixture({
      "src/a.ts": `${long("export function declared() {", 61)}\n`,
      "src/b.ts": `${long("export const arrow = async () => {", 61)};\n`,
      "src/c.ts": `export class C {\n  /** Does it. */\n${long("  method() {", 61)}\n}\n`,
      "scripts/d.mjs": `call(${long("() => {", 61)});\n`,
      "src/fits.ts": `/**\n * Sixty.\n */\n${long("export function fits() {", 60)}\n`,
      "src/e.test.ts": `${long("function grouped() {", 200)}\n`,
    });
    expect(checkFunctions(root)).toEqual([
      expect.stringMatching(/^scripts\/d\.mjs:1: a function without a name has 61 lines/),
      expect.stringMatching(/^src\/a\.ts:1: declared has 61 lines/),
      expect.stringMatching(/^src\/b\.ts:1: arrow has 61 lines/),
      expect.stringMatching(/^src\/c\.ts:3: method has 61 lines/),
    ]);
  });
});

describe("flags in the library", () => {
  it("finds a sentence that names a flag of the command line, and no other program's", () => {
    const root = fixture({
      "src/cli/options.ts": `export const all = ["-n, --n <count>", "--max-tokens <count>", "--no-chat"];\n`,
      "src/task/a.ts": "export const a = (n: number) => `Too long by ${n}; lower --max-tokens.`;\n",
      "src/task/b.ts": 'export const b = "leave out --chat"; // not --n\n',
      "src/task/c.ts": 'export const c = "start it with --logits_all, var(--n), a--n";\n',
      "src/task/a.test.ts": 'export const d = "--n";\n',
    });
    expect(checkFlags(root)).toEqual([
      expect.stringMatching(/^src\/task\/a\.ts:1 names --max-tokens: /),
      expect.stringMatching(/^src\/task\/b\.ts:1 names --chat: /),
    ]);
    expect(checkFlags(root, { "src/task/": "commands' own words" })).toEqual([]);
  });
});

describe("forbidden words", () => {
  // Put together here, so that this file does not say them.
  const registry = ["registry", "npmjs", "org"].join(".");
  const home = ["", "home", "someone", "models"].join("/");
  const outside = ["..", "elsewhere", "notes.md"].join("/");

  it("finds registries, paths of a machine, and paths that leave the repository", () => {
    const root = fixture({
      "README.md": `See [notes](${outside}).\n`,
      "docs/setup.md": `Use https://${registry}/.\n\nThe models are in ${home}.\n`,
      "src/a/b.ts": `const path = "../../${outside}";\n`,
    });
    expect(checkWords(root)).toEqual([
      expect.stringContaining(`README.md:1: "${outside.split("/").slice(0, 2).join("/")}" leads out`),
      expect.stringContaining(`docs/setup.md:1: "${registry}" names a package registry`),
      expect.stringContaining(
        `docs/setup.md:3: "${home.split("/").slice(0, 3).join("/")}" is a path of one machine`,
      ),
      expect.stringMatching(/^src\/a\/b\.ts:1: .* leads out/),
    ]);
  });

  it("lets imports, web addresses and relative links within the repository pass", () => {
    const root = fixture({
      "src/a/b.ts": `import { c } from "../c/registry.test.js";\nimport "../../package.json";\n`,
      "src/c/registry.test.ts": "",
      "docs/a.md": "[home](https://example.org/home/page) and [the source](../src/a/b.ts)\n",
    });
    expect(checkWords(root)).toEqual([]);
  });
});

describe("reasons for dependencies", () => {
  const manifest = JSON.stringify({ dependencies: { zod: "1.0.0" }, devDependencies: { vitest: "1.0.0" } });

  it("finds a dependency without a reason and a row without a dependency", () => {
    const table =
      "# A\n\n## Dependencies\n\n| package | reason |\n| --- | --- |\n| `zod` |  |\n| `gone` | was good |\n";
    expect(checkArchitecture(fixture({ "package.json": manifest, "ARCHITECTURE.md": table }))).toEqual([
      expect.stringContaining("gives no reason for zod"),
      expect.stringContaining("gives no reason for vitest"),
      expect.stringContaining("lists gone"),
    ]);
  });

  it("passes where each has one", () => {
    const table =
      "## Dependencies\n\n| `zod` | schemas |\n\n| `vitest` | tests |\n\n## Other\n\n| `x` | y |\n";
    expect(checkArchitecture(fixture({ "package.json": manifest, "ARCHITECTURE.md": table }))).toEqual([]);
  });
});

describe("counting tests", () => {
  it("counts a file that fails as a whole", () => {
    const assertion = (status: string) => ({ status });
    const testResults = [
      { status: "passed", assertionResults: [assertion("passed"), assertion("passed")] },
      { status: "failed", assertionResults: [assertion("failed"), assertion("passed")] },
      { status: "failed", assertionResults: [] },
    ];
    expect(countTests({ numPassedTests: 3, numFailedTests: 1, testResults })).toEqual({
      passed: 3,
      failed: 2,
    });
  });
});

describe("Python for tests", () => {
  it("says in one sentence that there is none, whoever left a lock behind", () => {
    const cache = fixture({ "whetstone/py.lock": "999999999" });
    const script = join(ROOT, "scripts/python-env.mjs");
    const env = { PATH: cache, XDG_CACHE_HOME: cache };
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { env, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^Python cannot make an environment in .*whetstone\/py: .*\n$/);
  });
});

describe("the bench beside its peers", () => {
  it("refuses a row that there is not, with the names of those that there are", async () => {
    await expect(compare({ only: "typo" })).rejects.toThrow(/^No row is named like "typo"; there are: .*; /);
  });
});

describe("the README's code", () => {
  it("takes the blocks marked ts, and only those", () => {
    const markdown =
      "# A\n\n```ts\nconst a = 1;\n```\n\n```ts no-run\nb\n```\n\n```sh\nc\n```\n\n```ts\nd\n```\n";
    expect(codeBlocks(markdown)).toEqual([
      { line: 4, code: "const a = 1;\n" },
      { line: 16, code: "d\n" },
    ]);
  });
});

describe(".ci/run", () => {
  const script = readFileSync(join(ROOT, ".ci/run"), "utf8");

  it("is a script that bash can read, and ends every way out with its count", () => {
    expect(spawnSync("bash", ["-n", join(ROOT, ".ci/run")]).status).toBe(0);
    expect(script).toContain("trap finish EXIT");
    expect(script).toContain('echo "$passed passed, $failed failed"');
  });

  it("counts failures, and exits with 1", () => {
    const head = script.slice(0, script.indexOf("# Called as conditions")).replace(/^cd .*$/m, "");
    const run = (body: string) => {
      const { status, stdout } = spawnSync("bash", ["-c", `${head}\n${body}`], {
        encoding: "utf8",
        cwd: ROOT,
      });
      return { status, last: stdout.trim().split("\n").at(-1) };
    };
    expect(run("step a true\nstep b true")).toEqual({ status: 0, last: "2 passed, 0 failed" });
    expect(run("step a true\nstep b false || true\nstep c true")).toEqual({
      status: 1,
      last: "2 passed, 1 failed",
    });
    expect(run("step a false || exit 1\nstep b true")).toEqual({ status: 1, last: "0 passed, 1 failed" });
    expect(run("step a true\nfalse")).toEqual({ status: 1, last: "1 passed, 1 failed" });
    const results = (body: object) =>
      `tests t node -e 'require("fs").writeFileSync(process.env.TEST_RESULTS, JSON.stringify(${JSON.stringify(body)}))'`;
    const none = { numPassedTests: 7, numFailedTests: 0, testResults: [] };
    expect(run(results(none))).toEqual({ status: 0, last: "7 passed, 0 failed" });
    expect(run(results({ ...none, numFailedTests: 2 }))).toEqual({ status: 1, last: "7 passed, 2 failed" });
    expect(run("tests t true")).toEqual({ status: 1, last: "0 passed, 1 failed" });
    expect(run("tests t false")).toEqual({ status: 1, last: "0 passed, 1 failed" });
  });
});
