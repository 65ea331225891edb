import { readdir, readlink } from "node:fs/promises";

/** Files of a folder that this process holds open; undefined where the system does not tell (it does on Linux). */
export async function openFiles(folder: string): Promise<string[] | undefined> {
  let descriptors: string[];
  try {
    descriptors = await readdir("/proc/self/fd");
  } catch {
    return undefined;
  }
  const paths = await Promise.all(
    // A descriptor may be closed between the two calls.
    descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => "")),
  );
  return paths.filter((path) => path.startsWith(folder));
}
