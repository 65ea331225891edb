/**
 * A lock on a folder that dies with its process. `.lock/<generation>` names the holder; the highest generation counts.
 * A stale lock is never deleted to be taken over: the next generation is created beside it, which only one process can
 * do, and the older ones are removed afterwards. So there is no moment at which two processes hold the lock.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { RunError, type ErrorFacts } from "../core/errors.js";
import { errorCode, temporaryPath, writeError } from "../core/files.js";

/** The name of the lock's folder. */
export const LOCK_FOLDER = ".lock";

export interface Lock {
  /** Lets others have the folder; releasing twice is harmless. */
  release(): void;
}

const holderSchema = z.object({
  pid: z.int().min(0),
  host: z.string(),
  /** When the process started, in the system's own terms; tells a recycled pid. Absent where it cannot be known. */
  started: z.string().exactOptional(),
});

type Holder = z.infer<typeof holderSchema>;

/** Pid 0 is no process: the lock was released. */
const RELEASED: Holder = { pid: 0, host: "" };

const NO_HARD_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** How the refusal of something in use ends: the reason, and the remedy. */
type Refusal = Pick<ErrorFacts, "reason" | "remedy">;

/**
 * Takes the lock of a folder at once; a lock whose process is dead (or whose pid now belongs to another process, where
 * /proc tells) is taken over.
 * @throws RunError naming the folder and the holder's pid if a live process, this one included, has the lock.
 */
export function acquireLock(dir: string): Lock {
  const remedy = "wait for it to end or choose another folder";
  return acquire(dir, join(dir, LOCK_FOLDER), { reason: "run-in-use", remedy });
}

/**
 * The same of a single file, whose lock lies beside it in a hidden folder.
 * @throws RunError naming the file and the holder's pid.
 */
export function acquireFileLock(path: string): Lock {
  const folder = join(dirname(path), `.${basename(path)}${LOCK_FOLDER}`);
  return acquire(path, folder, {
    reason: "file-in-use",
    remedy: "wait for it to end or choose another file",
  });
}

/** Whether a process writes into a folder now. One on another machine counts as long as its lock stands: nobody here can tell. */
export function isLocked(dir: string): boolean {
  const folder = join(dir, LOCK_FOLDER);
  try {
    const highest = Math.max(0, ...generations(folder));
    const holder = highest > 0 ? readHolder(folder, highest) : undefined;
    return holder !== undefined && holder.pid > 0 && (holder.host !== hostname() || isLive(holder));
  } catch {
    // No lock, or one that cannot be read: nobody is known to hold it.
    return false;
  }
}

function acquire(what: string, folder: string, refusal: Refusal): Lock {
  try {
    mkdirSync(folder, { recursive: true });
    for (;;) {
      const generation = tryAcquire(what, folder, refusal);
      if (generation !== undefined) return heldLock(folder, generation);
    }
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

/** The generation that this process now holds; undefined if another process came in between. */
function tryAcquire(what: string, folder: string, refusal: Refusal): number | undefined {
  const highest = Math.max(0, ...generations(folder));
  if (highest > 0) {
    const holder = readHolder(folder, highest);
    if (holder === undefined) return undefined;
    refuseIfLive(what, folder, holder, refusal);
  }
  const mine = highest + 1;
  if (!create(folder, mine, thisProcess())) return undefined;
  try {
    // A slow process may have created a generation that the others are past.
    if (Math.max(...generations(folder)) > mine) {
      remove(folder, mine);
      return undefined;
    }
    for (const older of generations(folder)) if (older < mine) remove(folder, older);
    return mine;
  } catch (error) {
    // Nobody holds what was not got.
    discard(join(folder, String(mine)));
    throw error;
  }
}

function heldLock(folder: string, generation: number): Lock {
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    try {
      renameSync(writeTemporary(folder, RELEASED), join(folder, String(generation)));
    } catch (error) {
      // Whoever deleted the folder wants no lock in it; on a full disk a lock that cannot be marked can still be taken away.
      if (errorCode(error) !== "ENOENT" && !discard(join(folder, String(generation))))
        throw writeError(folder, error);
    }
  };
  return { release };
}

function refuseIfLive(what: string, folder: string, holder: Holder, refusal: Refusal): void {
  if (holder.pid === 0) return;
  if (holder.host !== hostname()) {
    throw new RunError(
      `${what} is in use by process ${holder.pid} on ${holder.host}; wait for it, or if it is gone delete ${folder}.`,
    );
  }
  if (isLive(holder))
    throw new RunError(`${what} is in use by process ${holder.pid}`, { ...refusal, where: what });
}

function isLive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, but belongs to someone else.
    if (errorCode(error) !== "EPERM") return false;
  }
  const now = processStart(pid);
  return now !== "dead" && (now === undefined || started === undefined || now === started);
}

/** Boot and clock tick at which a process started; `dead` if it is a zombie, undefined where /proc does not tell. */
function processStart(pid: number): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name, in parentheses, may hold anything; field 3 (state) follows it, field 22 is the start.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "dead" : `${boot}/${fields[19] ?? ""}`;
  } catch {
    return undefined;
  }
}

function thisProcess(): Holder {
  const started = processStart(process.pid);
  return { pid: process.pid, host: hostname(), ...(started === undefined ? {} : { started }) };
}

function generations(folder: string): number[] {
  return readdirSync(folder)
    .filter((entry) => /^[1-9]\d{0,14}$/.test(entry))
    .map(Number);
}

/** Undefined if the file is gone. */
function readHolder(folder: string, generation: number): Holder | undefined {
  const path = join(folder, String(generation));
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RunError(
      `${path} is not a lock file of whetstone; if nothing else runs here, delete ${folder}.`,
      { cause },
    );
  }
}

/** Whether this call created the generation, with its content at once. */
function create(folder: string, generation: number, holder: Holder): boolean {
  const path = join(folder, String(generation));
  const temporary = writeTemporary(folder, holder);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    if (!NO_HARD_LINKS.has(errorCode(error) ?? "")) throw error;
    return createWithoutLink(path, holder);
  } finally {
    discard(temporary);
  }
}

/** Leaves a moment in which the file is there and empty; only for file systems without hard links, such as exFAT. */
function createWithoutLink(path: string, holder: Holder): boolean {
  try {
    writeFileSync(path, JSON.stringify(holder), { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

function writeTemporary(folder: string, holder: Holder): string {
  const path = temporaryPath(join(folder, "lock"));
  const fd = openSync(path, "w");
  try {
    writeSync(fd, JSON.stringify(holder));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return path;
}

/** Takes a file away if that can be done: one that is left over is in nobody's way. @returns whether it was. */
function discard(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

function remove(folder: string, generation: number): void {
  try {
    unlinkSync(join(folder, String(generation)));
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
