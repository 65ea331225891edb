import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { copyFile, mkdir, realpath, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { pipeline } from "node:stream/promises";
import { downloadFile, type ListFileEntry } from "@huggingface/hub";
import { errorCode, writeError } from "../core/files.js";

/** Where a file of the hub comes from, and how it is asked for. */
export interface HubSource {
  readonly repository: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly hubUrl?: string;
  readonly accessToken?: string;
}

/**
 * Brings one file into a repository's folder of the cache: its bytes into blobs/<digest>, and a link to them into
 * snapshots/<commit>/. What is there already is not fetched again. Either way it is compared with the hub's digest.
 * @param folder the repository's, `models--organization--name`.
 * @throws RunError naming the file where it cannot be written; Error where it does not come, or not as the hub has it.
 */
export async function fetchHubFile(folder: string, entry: ListFileEntry, source: HubSource): Promise<void> {
  const { repository, commit, ...access } = source;
  const link = join(folder, "snapshots", commit, entry.path);
  if (!existsSync(link)) {
    const blob = join(folder, "blobs", digestOf(entry));
    await mkdir(dirname(link), { recursive: true });
    if (!existsSync(blob)) {
      const body = await downloadFile({ repo: repository, path: entry.path, revision: commit, ...access });
      if (body === null) throw new Error(`the hub has no ${entry.path}`);
      await store(body, blob);
    }
    await rm(link, { force: true });
    // Where the system allows no links (Windows), the file itself.
    await symlink(relative(dirname(link), blob), link).catch(() => copyFile(blob, link));
  }
  await verify(link, entry);
}

async function store(body: Blob, blob: string): Promise<void> {
  const incomplete = `${blob}.incomplete`;
  await mkdir(dirname(blob), { recursive: true });
  try {
    await pipeline(Readable.fromWeb(body.stream() as ReadableStream), createWriteStream(incomplete));
    await rename(incomplete, blob);
  } catch (cause) {
    await rm(incomplete, { force: true });
    throw isOfDisk(cause) ? writeError(blob, cause) : cause;
  }
}

/** Whether it is the disk that failed, and not the connection. */
const isOfDisk = (cause: unknown): boolean =>
  ["ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EPERM", "EROFS", "EIO"].includes(errorCode(cause) ?? "");

/** Compares a file with the hub's digest: SHA-256 of a large file, git's own of a small one. */
async function verify(link: string, entry: ListFileEntry): Promise<void> {
  const path = await realpath(link);
  const { size } = await stat(path);
  const expected = digestOf(entry);
  const hash = createHash(expected.length === 64 ? "sha256" : "sha1");
  if (expected.length === 40) hash.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(chunk);
  if (size === entry.size && hash.digest("hex") === expected) return;
  await rm(link, { force: true });
  await rm(path, { force: true });
  throw new Error(`${entry.path} did not come as the hub has it, and was removed; try again`);
}

/** What cannot be checked is not used. */
function digestOf({ path, lfs, oid }: ListFileEntry): string {
  const digest = lfs?.oid ?? oid ?? "";
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(digest)) return digest;
  throw new Error(`the hub names no digest for ${path}`);
}
