import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The processes whose command line has all of these words. */
export function processesWith(words: readonly string[]): number[] {
  const isOne = (pid: string): boolean => {
    try {
      const line = readFileSync(join("/proc", pid, "cmdline"), "utf8");
      return words.every((word) => line.includes(word));
    } catch {
      // It has ended.
      return false;
    }
  };
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter(isOne).map(Number);
}
