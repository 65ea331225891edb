import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { writeApiDocs } from "../../scripts/api-docs.mjs";
import { fixture, ROOT } from "../support/fixture.js";

const out = mkdtempSync(join(tmpdir(), "whetstone-api-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

it("the API reference is built: a module a subpath, and every link leads somewhere", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts/api-docs.mjs"), "--out", out], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  for (const page of [
    "functions/whetstone.bestOfN",
    "functions/whetstone_testing.policyViolations",
    "functions/whetstone_theory.runTheory",
    "interfaces/whetstone.SelfReward",
    "classes/whetstone_graph.Graph",
  ])
    expect(existsSync(join(out, `${page}.html`)), page).toBe(true);
});

it("a link that leads nowhere would stop it", async () => {
  const source = (link: string): Record<string, string> => ({
    "package.json":
      '{ "type": "module", "exports": { ".": { "types": "./dist/index.d.ts" }, "./more": { "types": "./dist/public/more.d.ts" } } }',
    "tsconfig.build.json": '{ "compilerOptions": { "module": "NodeNext" }, "include": ["src"] }',
    "README.md": "# A package",
    "src/public/more.ts": "/** Three. */\nexport const three = 3;\n",
    "src/index.ts": `/** As {@link ${link}} does. */\nexport const one = 1;\n\n/** Two. */\nexport const two = 2;\n`,
  });
  for (const [link, sound] of [
    ["two", true],
    ["nowhere", false],
  ] as const) {
    const root = fixture(source(link));
    expect(await writeApiDocs(root, join(root, "out")), link).toBe(sound);
  }
});
