import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { z } from "zod";

/** A plain value that JSON holds. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The model or the task of a run. */
export interface Source {
  readonly name: string;
  /** Fixes what it is, wherever it lies. */
  readonly digest: string;
  /** Where it was found, an absolute path; absent for what comes with the package. It may have moved since. */
  readonly path?: string;
}

/** manifest.json: all that fixes a run's results, and where they came from. */
export interface Manifest {
  /** The version of the run folder's layout. */
  readonly format: 1;
  readonly whetstone: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly model: Source;
  readonly task: Source;
  /** Every option that changes a result, defaults filled in; none that does not (progress, `--json`). */
  readonly options: { readonly [name: string]: Json };
  /** By purpose; non-negative safe integers. */
  readonly seeds: { readonly [purpose: string]: number };
  /** The command line that made the run, for people. */
  readonly command: string;
  /** ISO 8601, from the caller: the library reads no clock. */
  readonly createdAt: string;
}

const json: z.ZodType<Json> = z.json();
const source = z.object({ name: z.string(), digest: z.string(), path: z.string().exactOptional() });

/** What manifest.json must hold. */
export const manifestSchema: z.ZodType<Manifest> = z.object({
  format: z.literal(1),
  whetstone: z.string(),
  node: z.string(),
  onnxruntime: z.string(),
  model: source,
  task: source,
  options: z.record(z.string(), json),
  seeds: z.record(z.string(), z.int().min(0)),
  command: z.string(),
  createdAt: z.string(),
});

/** The versions that a manifest names, of this very process. */
export function runVersions(): Pick<Manifest, "format" | "whetstone" | "node" | "onnxruntime"> {
  const version = (file: string | URL): string =>
    z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, "utf8"))).version;
  const require = createRequire(import.meta.url);
  return {
    format: 1,
    // The same depth from src/run and from dist/run.
    whetstone: version(new URL("../../package.json", import.meta.url)),
    node: process.versions.node,
    onnxruntime: version(require.resolve("onnxruntime-node/package.json")),
  };
}

/** A field in which two configurations differ. */
export interface Difference {
  /** Such as `options.temperature`. */
  readonly field: string;
  /** As JSON; `nothing` where there is no such field. */
  readonly recorded: string;
  readonly asked: string;
}

/**
 * The first field in which a run's configuration differs from another: digests, options, seeds, and the versions that
 * results depend on. The names and places of model and task, Node's version, the command line and the time are free to differ.
 */
export function firstDifference(recorded: Manifest, asked: Manifest): Difference | undefined {
  return differenceAt("", configuration(recorded), configuration(asked));
}

function configuration({ format, whetstone, onnxruntime, model, task, options, seeds }: Manifest): Json {
  const digests = { model: { digest: model.digest }, task: { digest: task.digest } };
  // Options first: some, how the model is quantized above all, change a digest, and say more than it does.
  return { options, ...digests, seeds, format, whetstone, onnxruntime };
}

function differenceAt(
  field: string,
  recorded: Json | undefined,
  asked: Json | undefined,
): Difference | undefined {
  if (isObject(recorded) && isObject(asked)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(asked)])) {
      const inner = field === "" ? key : `${field}.${key}`;
      const difference = differenceAt(inner, ownValue(recorded, key), ownValue(asked, key));
      if (difference) return difference;
    }
    return undefined;
  }
  const [a, b] = [recorded, asked].map((value) => (value === undefined ? "nothing" : JSON.stringify(value)));
  return a === b ? undefined : { field, recorded: a!, asked: b! };
}

function ownValue(object: { readonly [key: string]: Json }, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
