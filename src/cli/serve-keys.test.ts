import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { serveKeys } from "./serve-keys.js";

const KEY = "0123456789abcdef";
const OTHER = "fedcba9876543210";

it("are the lines of a file that nobody else may read, else the environment's", () => {
  const file = join(mkdtempSync(join(tmpdir(), "whetstone-keys-")), "keys");
  writeFileSync(file, `${KEY}\n\n ${OTHER}\n`, { mode: 0o600 });
  expect(serveKeys(file, { WHETSTONE_API_KEY: "another-key-0123" })).toEqual([KEY, OTHER]);
  expect(serveKeys(undefined, { WHETSTONE_API_KEY: KEY })).toEqual([KEY]);
  expect(serveKeys(undefined, {})).toEqual([]);
  chmodSync(file, 0o640);
  expect(() => serveKeys(file, {})).toThrow(/chmod 600/);
});

it("are refused where they are missing or too short, and never repeated", () => {
  const file = join(mkdtempSync(join(tmpdir(), "whetstone-keys-")), "keys");
  expect(() => serveKeys(file, {})).toThrow(/keys/);
  writeFileSync(file, "\n", { mode: 0o600 });
  expect(() => serveKeys(file, {})).toThrow(/holds no key/);
  for (const key of ["secret", `${KEY} ${OTHER}`])
    expect(() => serveKeys(undefined, { WHETSTONE_API_KEY: key })).toThrow(
      /^WHETSTONE_API_KEY holds a key of fewer than 16 characters, or with a space in it; make one with `openssl rand -hex 32`\.$/,
    );
});
