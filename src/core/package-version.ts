import { readFileSync } from "node:fs";

/** The version of whetstone, as its package.json says. */
export function packageVersion(): string {
  // The same depth from src/core and from dist/core.
  const path = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }).version;
}
