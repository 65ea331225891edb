import { existsSync, readFileSync } from "node:fs";
import { freemem } from "node:os";
import { dirname, join } from "node:path";

/** Of the memory that is free, what is left to others. */
const SPARED = 1e9;

/** Bytes that this process may still take. @param memory what it may take in all. Default: what is free, less 1 GB for others. */
export function memoryLeft(memory: number | undefined): number {
  return memory === undefined ? freeMemory() - SPARED : memory - process.memoryUsage.rss();
}

/**
 * How many bytes of memory can still be taken: what the system calls available, and no more than the process's control groups
 * (of containers, of services) leave. What these hold of files counts as free: it gives way.
 * @param root of the file system, for tests.
 */
export function freeMemory(root = "/"): number {
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(textOf(join(root, "proc/meminfo")) ?? "")?.[1];
  const system = available === undefined ? freemem() : Number(available) * 1024;
  return Math.max(0, Math.min(system, ...groupsLeave(root)));
}

/** What each control group of the process leaves; none where there are none, or none has a limit. */
function groupsLeave(root: string): number[] {
  const groups = join(root, "sys/fs/cgroup");
  const own = /^0::(.*)$/m.exec(textOf(join(root, "proc/self/cgroup")) ?? "")?.[1];
  const left: number[] = [];
  // A limit of a group is one of all within it. In a container, the path may not be seen: then the root is its own group.
  for (let path = own ?? "/"; ; path = dirname(path)) {
    const folder = join(groups, path);
    const limit = numberIn(join(folder, "memory.max"));
    const used = numberIn(join(folder, "memory.current"));
    if (limit !== undefined && used !== undefined) left.push(limit - used + filesOf(folder));
    if (path === "/" || path === ".") break;
  }
  const old = join(groups, "memory");
  const limit = numberIn(join(old, "memory.limit_in_bytes"));
  const used = numberIn(join(old, "memory.usage_in_bytes"));
  if (limit !== undefined && used !== undefined) left.push(limit - used + filesOf(old));
  return left;
}

/** What a control group holds of files that are not in use. */
function filesOf(folder: string): number {
  const found = /^(?:total_)?inactive_file (\d+)$/m.exec(textOf(join(folder, "memory.stat")) ?? "")?.[1];
  return Number(found ?? 0);
}

/** The number that a file holds; undefined where it has none, such as "max". */
function numberIn(path: string): number | undefined {
  const text = textOf(path)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function textOf(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
