/** A process that has made an engine ends by itself, whatever became of it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

describe("a process", () => {
  let folder = "";

  /** The sources as plain JavaScript below node_modules, where their dependencies are found. */
  beforeAll(() => {
    const source = join(import.meta.dirname, "..", "..", "src");
    const cache = join(source, "..", "node_modules", ".cache");
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(join(cache, "whetstone-engine-"));
    for (const path of readdirSync(source, { recursive: true, encoding: "utf8" })) {
      if (!/^(core|graph)[\\/]/.test(path) || !/\.(ts|mjs)$/.test(path) || /\.test/.test(path)) continue;
      const text = readFileSync(join(source, path), "utf8");
      const target = join(folder, path.replace(/\.ts$/, ".js"));
      mkdirSync(dirname(target), { recursive: true });
      const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
      writeFileSync(target, path.endsWith(".ts") ? ts.transpile(text, options) : text);
    }
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (lines: string) => {
    const code = `
      import { Engine, Graph, mul } from "./graph/index.js";
      const engine = new Engine({ threads: 2 });
      ${lines}`;
    writeFileSync(join(folder, "main.js"), code);
    const result = spawnSync(process.execPath, ["main.js"], {
      cwd: folder,
      encoding: "utf8",
      timeout: 30_000,
    });
    return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr };
  };
  const USE = `
    const graph = new Graph();
    graph.output("y", mul(graph.input("x", "float32", ["n"]), 2));
    const session = await engine.session(graph);
    const { y } = await session.run({ x: { type: "float32", dims: [1], data: Float32Array.of(21) } });
    console.log(y.data[0]);`;

  test.each([
    ["its engine is disposed", `${USE} await engine.dispose();`],
    ["its engine is idle and was forgotten", USE],
    ["its engine was never used", "console.log(42);"],
    [
      "something else fails after its engine was made",
      "try { throw new Error(42); } catch (error) { console.log(error.message); }",
    ],
  ])(
    "ends by itself when %s",
    (_, lines) => {
      expect(run(lines)).toEqual({ status: 0, signal: null, stdout: "42\n", stderr: "" });
    },
    90_000,
  );
});
