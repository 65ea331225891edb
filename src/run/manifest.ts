import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { z } from "zod";
import { configFields, type RunConfig } from "./config.js";
import { packageVersion } from "../core/package-version.js";

/** manifest.json: a run's configuration, what computed it, and where it came from. */
export interface Manifest extends RunConfig {
  /** The layout of the run folder: 2 is written; of 1, what can be read is read (docs/run-folder.md). */
  readonly format: 1 | 2;
  readonly whetstone: string;
  readonly node: string;
  readonly onnxruntime: string;
  /** The command line or program that made the run, for people. */
  readonly command: string;
  /** ISO 8601, from the caller: the library reads no clock. */
  readonly createdAt: string;
}

/** What a manifest of format 2 must hold. */
export const manifestSchema: z.ZodType<Manifest> = z.object({
  format: z.literal(2),
  whetstone: z.string(),
  node: z.string(),
  onnxruntime: z.string(),
  ...configFields,
  command: z.string(),
  createdAt: z.string(),
});

/** What computes, of this very process. */
export type Versions = Pick<Manifest, "whetstone" | "node" | "onnxruntime">;

/** The versions that a manifest names, of this very process. */
export function runVersions(): Versions {
  const version = (file: string): string =>
    z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, "utf8"))).version;
  const require = createRequire(import.meta.url);
  return {
    whetstone: packageVersion(),
    node: process.versions.node,
    onnxruntime: version(require.resolve("onnxruntime-node/package.json")),
  };
}
