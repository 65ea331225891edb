import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { rmSync } from "node:fs";

/** The project's own folder. */
export const ROOT = join(import.meta.dirname, "../..");

/**
 * A project in a temporary folder, removed after the test; it finds the packages installed for this one.
 * @param files path to contents; `package.json` is empty unless given.
 * @returns the folder
 */
export function fixture(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "whetstone-fixture-"));
  onTestFinished(() => {
    rmSync(root, { recursive: true, force: true });
  });
  for (const [path, text] of Object.entries({ "package.json": "{}", ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  return root;
}
