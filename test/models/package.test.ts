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

/** What somebody writes against the published types: a part of each kind. */
const OWN_PARTS = {
  reward: `import type { Pool, SelfReward } from "whetstone/reward";

const brevity: SelfReward = {
  name: "brevity",
  description: "the fewer tokens, the better",
  needs: [],
  score: async ({ responses }: Pool) => responses.map(({ tokens }) => -tokens.length),
};
export default brevity;
`,
  grader: `import type { Grader } from "whetstone";

const letters = (text: string): string => String(text.length);
const grader: Grader = {
  name: "letters",
  description: "as many letters as the label has",
  version: 1,
  extract: letters,
  label: (answer) => ({ text: letters(answer) }),
  agrees: (label, text) => letters(text) === label.text && text.endsWith("six"),
  expects: "a text",
  grades: true,
};
export default grader;
`,
  task: `import type { Split, Task } from "whetstone";

const texts = { test: ["4 9 10 13 = 24 :", "1 2 3 4 = 24 :"], train: ["2 3 4 6 = 24 :", "1 1 4 6 = 24 :", "3 3 8 8 = 24 :"], validation: ["1 5 5 5 = 24 :"] };
const task: Task = {
  name: "sums",
  digest: "1",
  maxTokens: 12,
  prompts: (split: Split) => texts[split].map((text, i) => ({ id: \`\${split}-\${i}\`, text })),
  extract: (text) => /= (\\d+)$/.exec(text)?.[1],
  grade: (id, text) => text.endsWith("= 24"),
};
export default task;
`,
  method: `import { sftProblem, type Method } from "whetstone/train";

const first: Method = {
  name: "first",
  title: "First",
  brief: "the first response",
  summary: "train the first response into an adapter",
  examples: [["--epochs 1", "once over the prompts"]],
  options: [],
  trainN: { default: 1, least: 1 },
  patience: 0,
  iterate: "epoch",
  draws: [],
  page: { losses: "Loss per token, nats", kept: "the lowest loss", facts: [] },
  async plan({ policy, split, settings, temperature, maxTokens, seed }) {
    const learn = async (prompts: typeof split.train) => {
      const byPrompt = new Map<string, readonly number[]>();
      const requests = prompts.map((prompt) => ({ prompt, index: 0 }));
      for await (const { promptId, tokens } of policy.sample(requests, { temperature, maxTokens, seed }))
        byPrompt.set(promptId, tokens);
      return prompts.map((prompt) => ({ prompt, tokens: byPrompt.get(prompt.id) ?? [] }));
    };
    const problem = sftProblem(await learn(split.train), await learn(split.validation), settings.fit.epochs ?? 1);
    return { iterates: problem.iterates, facts: {}, fitTo: (fit) => fit(problem) };
  },
};
export default first;
`,
};

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
  it("is imported by each of its subpaths, under the strictest check of types", () => {
    const paths = SUBPATHS.map((subpath) => {
      const path = join(outside, `use${subpath.replaceAll(/\W/g, "-")}.ts`);
      const specifier = `whetstone${subpath.slice(1)}`;
      writeFileSync(
        path,
        `import * as all from "${specifier}";\nexport const names: string[] = Object.keys(all);\n`,
      );
      return path;
    });
    expect(complaints(paths)).toEqual([]);
  });

  it.each(SUBPATHS)("gives values under its subpath %s", (subpath) => {
    const specifier = `whetstone${subpath.slice(1)}`;
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

  it("takes a reward, a grader, a method and a task from a package outside, typed by its subpaths alone", () => {
    const sources = Object.entries(OWN_PARTS).map(([name, text]) => {
      const path = join(outside, `${name}.ts`);
      writeFileSync(path, text);
      return path;
    });
    expect(complaints(sources)).toEqual([]);
    for (const [name, text] of Object.entries(OWN_PARTS)) {
      const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
      writeFileSync(join(outside, `${name}.js`), ts.transpileModule(text, { compilerOptions }).outputText);
    }
    writeFileSync(
      join(outside, "labelled.jsonl"),
      ["3 4 5 6", "1 2 3 4"].map((prompt) => `${JSON.stringify({ prompt, answer: "six" })}\n`).join(""),
    );
    const whetstone = (...words: string[]): Record<string, unknown> =>
      JSON.parse(
        run(process.execPath, [join(installed, "dist/cli/main.js"), ...words, "--json"], outside)
          .trimEnd()
          .split("\n")
          .at(-1)!,
      ) as Record<string, unknown>;
    const job = ["--task", "./task.js", "--reward", "./reward.js", "--amortize", "./reward.js"];
    const fit = ["--epochs", "1", "--rank", "1", "--target-modules", "q_proj", "--curve-samples", "0"];
    const result = whetstone("sharpen", ...job, "--method", "./method.js", "-n", "2", ...fit, "--run", "own");
    expect(result).toMatchObject({
      task: "sums",
      prompts: 2,
      bestOfN: { brevity: expect.anything() as unknown },
      first: { trainingPrompts: 3 },
    });
    const drawn = ["sample", "labelled.jsonl", "--model", "game24", "-n", "2", "--max-tokens", "6"];
    whetstone(...drawn, "--grader", "./grader.js", "--run", "graded");
    // Every response has a letter count; none is the label's.
    expect(whetstone("evaluate", "graded")).toMatchObject({ base: { accuracy: { value: 0 } } });
    const { task } = JSON.parse(readFileSync(join(outside, "graded/manifest.json"), "utf8"));
    expect(task).toMatchObject({ grader: { name: "letters" } });
  }, 120_000);

  it("loads nothing that draws figures or checks theorems with its root, and next to nothing to say its version", () => {
    const loadedBy = (program: string): string[] => {
      const log = join(outside, "loaded.txt");
      writeFileSync(log, "");
      const hook = `import { appendFileSync } from "node:fs";
        export const load = (url, context, next) => (appendFileSync(${JSON.stringify(log)}, url + "\\n"), next(url, context));`;
      const script = `import { register } from "node:module";
        register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
        ${program}`;
      run(process.execPath, ["--input-type=module", "-e", script], outside);
      return readFileSync(log, "utf8")
        .split("\n")
        .map((url) => /\/(?:node_modules\/|dist\/)(?!.*\/node_modules\/)(.*)$/.exec(url)?.[1] ?? "")
        .filter((path) => path !== "");
    };
    const root = loadedBy('await import("whetstone");');
    expect(root).toContain("whetstone/dist/index.js");
    const rooms = (all: readonly string[], ...names: string[]): string[] =>
      all.filter((path) => names.some((name) => path.includes(name)));
    const drawing = ["dist/report/", "dist/theory/", "@observablehq/plot", "linkedom"];
    expect(rooms(root, "dist/cli/", "commander", ...drawing)).toEqual([]);
    const version = loadedBy(
      `process.argv.push("whetstone", "--version"); await import(${JSON.stringify(join(installed, "dist/cli/main.js"))});`,
    );
    expect(rooms(version, "dist/cli/main.js")).toHaveLength(1);
    expect(rooms(version, "dist/graph/", "dist/transformer/", "onnxruntime", "zod", ...drawing)).toEqual([]);
    expect(version.length).toBeLessThan(40);
  });

  it("has an executable that says its version", () => {
    const { version } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    expect(run(process.execPath, [join(installed, "dist/cli/main.js"), "--version"], outside)).toBe(
      `${version}\n`,
    );
  });
});
