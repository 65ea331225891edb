/** The site of the documentation: built whole, with no link that leads nowhere; and what its cookbook says, done. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deadLinks } from "../../scripts/docs-site.mjs";
import { FaultServer } from "../../src/policy/remote/fault-server.test-helper.js";
import { compileSource } from "../support/compiled.js";
import { ROOT } from "../support/fixture.js";

it("is built, a page a command, and every link leads somewhere", () => {
  const script = join(ROOT, "scripts", "docs-site.mjs");
  const { status, stderr } = spawnSync(process.execPath, [script, "--no-api"], {
    encoding: "utf8",
    cwd: ROOT,
  });
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  const site = join(ROOT, "docs", ".vitepress", "dist");
  for (const page of [
    "index",
    "guide/quick-starts",
    "commands/sharpen",
    "commands/train-dpo",
    "theory",
    "results/README",
  ])
    expect(existsSync(join(site, `${page}.html`)), page).toBe(true);
  expect(readFileSync(join(site, "commands/sharpen.html"), "utf8")).toContain(
    "--train-prompts &lt;count&gt;",
  );
});

it("shows the race that plays by itself first, at whatever path the site is", () => {
  const site = join(ROOT, "docs", ".vitepress", "dist");
  const home = readFileSync(join(site, "index.html"), "utf8");
  const [first] = /<div class="actions"[\s\S]*?<a [^>]*>/.exec(home) ?? [""];
  expect(first).toContain('href="/demo/index.html"');
  expect(first).toContain('target="_self"');
  const demo = readFileSync(join(site, "demo", "index.html"), "utf8");
  const parts = [...demo.matchAll(/(?:src|href)="([^"#][^"]*)"/g)].map((match) => match[1]!);
  expect(parts.length).toBeGreaterThan(0);
  // Relative, so that they are found below any path.
  for (const part of parts.filter((each) => !/^(data|https?):/.test(each))) {
    expect(part).not.toMatch(/^\//);
    expect(existsSync(join(site, "demo", part)), part).toBe(true);
  }
});

it("a link that leads nowhere would be found", () => {
  const root = mkdtempSync(join(tmpdir(), "whetstone-site-"));
  writeFileSync(
    join(root, "index.html"),
    '<a href="/more.html#here">x</a> <a href="./gone.html">y</a> <a href="#there">z</a> <a href="https://x.y/">o</a>',
  );
  writeFileSync(join(root, "more.html"), '<h2 id="here">h</h2><a href="/">home</a><img src="no.png">');
  expect(deadLinks(root).sort()).toEqual([
    "index.html links to #there, and there is no such heading.",
    "index.html links to ./gone.html, which is not there.",
    "more.html links to no.png, which is not there.",
  ]);
  rmSync(root, { recursive: true });
});

/** The recipes of a page: each heading with its blocks, in order. */
function recipes(
  markdown: string,
): { readonly title: string; readonly blocks: readonly (readonly [string, string])[] }[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((part) => ({
      title: part.slice(0, part.indexOf("\n")),
      blocks: [...part.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(
        (match) => [match[1]!, match[2]!] as const,
      ),
    }));
}

describe("the cookbook", () => {
  const found = recipes(readFileSync(join(ROOT, "docs", "guide", "cookbook.md"), "utf8"));
  const folder = mkdtempSync(join(tmpdir(), "whetstone-cookbook-"));
  let server: FaultServer;
  beforeAll(async () => {
    server = await new FaultServer().start();
    mkdirSync(join(folder, "bin"));
    const main = join(compileSource(), "cli", "main.js");
    writeFileSync(
      join(folder, "bin", "npx"),
      `#!/bin/sh\nshift\nexec "${process.execPath}" "${main}" "$@"\n`,
    );
    chmodSync(join(folder, "bin", "npx"), 0o755);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it("has ten recipes", () => {
    expect(found).toHaveLength(10);
    for (const { title, blocks } of found)
      expect(
        blocks.some(([kind]) => kind === "sh"),
        title,
      ).toBe(true);
  });

  it.each(found.map((recipe) => [recipe.title, recipe] as const))("%s", async (_, { blocks }) => {
    for (const [kind, code] of blocks) {
      const name = /^\/\/ (\S+)$/m.exec(code)?.[1];
      if (kind === "js") writeFileSync(join(folder, name!), code);
      if (kind !== "sh") continue;
      const script = code.replaceAll("http://localhost:8000/v1", server.url);
      expect(await runShell(`set -e\n${script}`, folder)).toEqual({ status: 0, error: "" });
    }
  });
});

function runShell(script: string, folder: string): Promise<{ status: number | null; error: string }> {
  const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env["PATH"]}` };
  const child = spawn("bash", ["-m", "-c", script], {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let error = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (error += part));
  return new Promise((resolve) => {
    child.on("exit", (status) => resolve({ status, error: status === 0 ? "" : error }));
  });
}
