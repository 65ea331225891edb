import { readFileSync, statSync } from "node:fs";
import { UsageError } from "../core/errors.js";
import { readError } from "../core/files.js";

/** What others than the owner may do with a file. */
const OTHERS = 0o077;
/** Shorter ones are guessed. */
const SHORTEST_KEY = 16;

/**
 * The keys of which requests to the server have to bear one: a file's lines, else the environment's WHETSTONE_API_KEY.
 * @throws UsageError for a file that is missing, empty, or readable by others, and for a key that is too short; never with a key in it.
 */
export function serveKeys(file: string | undefined, environment: NodeJS.ProcessEnv): readonly string[] {
  const from = file ?? "WHETSTONE_API_KEY";
  const text = file === undefined ? (environment["WHETSTONE_API_KEY"] ?? "") : privateText(file);
  const keys = text.split("\n").flatMap((line) => line.trim() || []);
  if (file !== undefined && keys.length === 0)
    throw new UsageError(`${file} holds no key; write one a line, such as \`openssl rand -hex 32\` gives.`);
  if (keys.some((key) => key.length < SHORTEST_KEY || /\s/.test(key)))
    throw new UsageError(
      `${from} holds a key of fewer than ${SHORTEST_KEY} characters, or with a space in it; make one with \`openssl rand -hex 32\`.`,
    );
  return keys;
}

function privateText(file: string): string {
  try {
    const others = statSync(file).mode & OTHERS;
    if (others === 0 || process.platform === "win32") return readFileSync(file, "utf8");
  } catch (cause) {
    throw readError(file, cause);
  }
  throw new UsageError(`${file} holds keys, and others may read it; take that from them with chmod 600.`);
}
