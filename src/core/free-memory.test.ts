import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { freeMemory } from "./free-memory.js";

/** A file system's root that holds the given files. */
function rootOf(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "whetstone-memory-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const MEMINFO = { "proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable:    4000000 kB\n" };
const GROUP = "sys/fs/cgroup/a/b";

it.each([
  ["what the system has available", MEMINFO, 4_096_000_000],
  [
    "what a group leaves, its files not counted",
    {
      ...MEMINFO,
      "proc/self/cgroup": "0::/a/b\n",
      [`${GROUP}/memory.max`]: "3000000000\n",
      [`${GROUP}/memory.current`]: "2500000000\n",
      [`${GROUP}/memory.stat`]: "anon 1\ninactive_file 400000000\n",
    },
    900_000_000,
  ],
  [
    "what the group around it leaves, its own having no limit",
    {
      ...MEMINFO,
      "proc/self/cgroup": "0::/a/b\n",
      [`${GROUP}/memory.max`]: "max\n",
      [`${GROUP}/memory.current`]: "7\n",
      "sys/fs/cgroup/a/memory.max": "1000\n",
      "sys/fs/cgroup/a/memory.current": "600\n",
    },
    400,
  ],
  [
    "what a group of the first version leaves",
    {
      ...MEMINFO,
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
      "sys/fs/cgroup/memory/memory.usage_in_bytes": "4000\n",
      "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 10\n",
    },
    1010,
  ],
  [
    "nothing where more is used than may be",
    {
      ...MEMINFO,
      "sys/fs/cgroup/memory.max": "5\n",
      "sys/fs/cgroup/memory.current": "9\n",
    },
    0,
  ],
])("is %s", (_, files, expected) => {
  const root = rootOf(files);
  expect(freeMemory(root)).toBe(expected);
  rmSync(root, { recursive: true });
});

it("finds some on this machine", () => {
  expect(freeMemory()).toBeGreaterThan(0);
});
