import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { closureOf } from "./modules.js";

const root = mkdtempSync(join(tmpdir(), "whetstone-modules-"));
afterAll(() => rmSync(root, { recursive: true }));
const write = (name: string, text: string): void => writeFileSync(join(root, name), text);
mkdirSync(join(root, "below"));
write(
  "main.js",
  'import { a } from "./below/a.js";\nimport {\n  h,\n} from "preact";\nexport * from "./b.mjs";\n',
);
write(
  "below/a.js",
  'import { b } from "../b.mjs";\n/** `import("node:fs")` in a comment */\nexport const a = b;\nexport const word = "is no package";\n',
);
write("b.mjs", "export const b = 1;\n//# sourceMappingURL=b.mjs.map\n");
write("node.js", 'import "./below/c.js";\n');
write("below/c.js", 'import { readFileSync } from "node:fs";\nexport const c = readFileSync;\n');
write("unused.js", "export const unused = 1;\n");

it("what a module needs is found once each, under names that every static server knows", () => {
  const { files, packages } = closureOf(root, "main.js");
  expect([...files.keys()].sort()).toEqual(["b.js", "below/a.js", "main.js"]);
  expect(files.get("main.js")).toContain('from "./b.js"');
  expect(files.get("b.js")).toBe("export const b = 1;\n");
  expect([...packages]).toEqual(["preact"]);
});

it("a module of Node is refused, with who imports it", () => {
  expect(() => closureOf(root, "node.js")).toThrow("below/c.js imports node:fs, which browsers lack.");
});
