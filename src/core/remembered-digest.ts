import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { cacheFolder } from "./cache-folder.js";
import { sha256, writeAtomically } from "./files.js";

/** Smaller files are read again each time: it takes no longer than asking. */
const WORTH_BYTES = 64e6;

const recordSchema = z.object({ files: z.array(z.string()), digest: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * A digest of large files that is remembered in the user's cache, so that they are read once and not at each start. It holds while
 * the files are the ones that were read: their place, size, inode, and the times at which content and inode were changed last,
 * the second of which no program can set.
 * @param paths of the files. @param what says what of them is digested, and how.
 * @param compute reads them. @param worth the fewest bytes that are remembered; for tests.
 * @throws what `compute` throws; a record that cannot be read or written is none.
 */
export async function rememberedDigest(
  paths: readonly string[],
  what: string,
  compute: () => Promise<string>,
  worth = WORTH_BYTES,
): Promise<string> {
  const before = await identities(paths);
  if (before === undefined || before.bytes < worth) return compute();
  const places = paths.map((path) => resolve(path));
  const file = join(cacheFolder(), "digests", `${sha256(JSON.stringify([what, places])).slice(0, 32)}.json`);
  const known = await recordIn(file);
  if (known && JSON.stringify(known.files) === JSON.stringify(before.files)) return known.digest;
  const digest = await compute();
  const after = await identities(paths);
  // What changed while it was read is not remembered.
  if (JSON.stringify(after) === JSON.stringify(before)) {
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeAtomically(file, JSON.stringify({ files: before.files, digest }));
    } catch {
      // It is computed again next time.
    }
  }
  return digest;
}

interface Identities {
  readonly files: readonly string[];
  readonly bytes: number;
}

/** What tells each file from another, and from itself as it was; undefined where one is not there. */
async function identities(paths: readonly string[]): Promise<Identities | undefined> {
  try {
    const stats = await Promise.all(paths.map((path) => stat(path, { bigint: true })));
    return {
      files: stats.map(({ dev, ino, size, mtimeNs, ctimeNs }) =>
        [dev, ino, size, mtimeNs, ctimeNs].join(" "),
      ),
      bytes: stats.reduce((sum, { size }) => sum + Number(size), 0),
    };
  } catch {
    return undefined;
  }
}

async function recordIn(file: string): Promise<z.infer<typeof recordSchema> | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return undefined;
  }
}
