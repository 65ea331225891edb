import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** A data set of the Hugging Face hub. */
export interface HubData {
  /** Such as `openai/gsm8k`. */
  readonly id: string;
  /** The folder that holds `test-00000-of-00001.parquet` and the like. */
  readonly folder: string;
}

/**
 * Where Python's tools keep what they fetched from the hub, by the environment variables that they use themselves.
 */
export function hubCache(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = env["HF_HOME"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "huggingface");
  return env["HF_HUB_CACHE"] || join(home, "hub");
}

/**
 * The folder of a data set in the cache, in the revision that was fetched last as `main`; undefined if it is not there.
 */
export function cachedData({ id, folder }: HubData, cache = hubCache()): string | undefined {
  const root = join(cache, `datasets--${id.replace("/", "--")}`);
  const ref = join(root, "refs", "main");
  if (!existsSync(ref)) return undefined;
  const revision = readFileSync(ref, "utf8").trim();
  if (!/^[0-9a-f]{40}$/.test(revision)) return undefined;
  const path = join(root, "snapshots", revision, folder);
  return existsSync(path) ? path : undefined;
}
