import { homedir } from "node:os";
import { join } from "node:path";

/** `whetstone` in the user's cache folder: what lies there can be made or fetched again. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "whetstone");
}
