import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { cacheFolder } from "../../core/cache-folder.js";
import { InterruptedError, ServerError } from "../../core/errors.js";
import { sha256, writeAtomically } from "../../core/files.js";
import { ApiKey } from "../remote/api-key.js";
import { waits, type Executor, type Job, type JobStatus } from "./executor.js";

// The same depth from src/policy/worker and from dist/policy/worker.
const SOURCES = fileURLToPath(new URL("../../../trainers/torch/", import.meta.url));
const FILES = ["worker.py", "engine.py", "wire.py"];
const LAST_LINES = 5;

/** A worker to be started, or found again. */
export interface WorkerOptions {
  readonly executor: Executor;
  /** What fixes the job: a run of the same folder and settings finds its own again. */
  readonly identity: readonly string[];
  /** A file in which to write down which job it is. */
  readonly record: string;
  /** The base, as it is found where the job runs. */
  readonly base: string;
  /** The interpreter there, with torch, transformers and peft. */
  readonly python: string;
  /** 0: as the machine is. */
  readonly gpus: number;
  /** Where the job keeps checkpoints: it must be there for the next job too. */
  readonly state: string;
  /** `127.0.0.1:0` for a worker on this machine. */
  readonly listen: string;
  /** Minutes without whetstone after which the worker ends itself. */
  readonly idle: number;
  /** Threads of a pass on the CPU. Default: torch's. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told in a sentence what is being waited for. */
  readonly note?: ((text: string) => void) | undefined;
}

/** A worker that answers. */
export interface StartedWorker {
  readonly url: string;
  readonly key: ApiKey;
  /** Why it will not answer any more: its job is over. Undefined where it may, or where that cannot be told now. */
  over(): Promise<string | undefined>;
  /** Ends the job; what it has saved stays. */
  end(): Promise<void>;
}

const recordSchema = z.object({ executor: z.string(), id: z.string(), attempt: z.int().min(1) });

/**
 * Starts the package's worker as a job, or finds the one that an earlier whetstone started for the same run, and waits until it answers.
 * @throws ServerError where the job fails, with the end of what it printed; InterruptedError.
 */
export async function launchWorker(options: WorkerOptions): Promise<StartedWorker> {
  const { executor, identity, record, signal, note } = options;
  const stem = `whetstone-${sha256(JSON.stringify([...identity, executor.name])).slice(0, 16)}`;
  const token = tokenOf(stem);
  const key = new ApiKey(token);
  const before = readRecord(record);
  let attempt = before?.id === stem && before.executor === executor.name ? before.attempt : 1;
  const { state } = await executor.status(`${stem}-${attempt}`);
  if (isOver(state)) attempt++;
  const id = `${stem}-${attempt}`;
  if (state === "running" || state === "queued")
    note?.(`The worker ${id} is ${state} on ${executor.name}: it is used again.`);
  await writeAtomically(
    record,
    `${JSON.stringify({ executor: executor.name, id: stem, attempt }, null, 2)}\n`,
  );
  await executor.submit(jobOf(options, id, token));
  try {
    const url = await addressOf(executor, id, key, signal);
    return { url, key, over: () => whyOver(executor, id), end: () => executor.cancel(id) };
  } catch (error) {
    // Nobody would know of it.
    if (!(error instanceof ServerError)) await executor.cancel(id);
    throw error;
  }
}

const isOver = (state: JobStatus["state"]): boolean =>
  state === "ended" || state === "failed" || state === "cancelled";

async function whyOver(executor: Executor, id: string): Promise<string | undefined> {
  const { state } = await executor.status(id).catch((): JobStatus => ({ state: "unknown" }));
  return isOver(state) ? `the job ${id} on ${executor.name} has ${state}` : undefined;
}

function jobOf(options: WorkerOptions, id: string, token: string): Job {
  const { base, python, gpus, state, listen, idle, threads } = options;
  const interpreter =
    gpus > 1 ? [python, "-m", "torch.distributed.run", "--standalone", `--nproc-per-node=${gpus}`] : [python];
  const args = [
    ...["--base", base, "--listen", listen, "--token-file", "token", "--state", state, "--idle", `${idle}`],
    ...(threads === undefined ? [] : ["--threads", `${threads}`]),
  ];
  const files = new Map(FILES.map((name) => [name, readFileSync(join(SOURCES, name), "utf8")]));
  return { id, command: [...interpreter, "worker.py", ...args], files, token, gpus };
}

/** Waits for the line in which the worker says where it listens. @throws InterruptedError at once when the signal fires. */
async function addressOf(
  executor: Executor,
  id: string,
  key: ApiKey,
  signal: AbortSignal | undefined,
): Promise<string> {
  for (const wait of waits(executor.look)) {
    if (signal?.aborted) throw interrupted();
    const { state, message } = await executor.status(id);
    // What waits has printed nothing.
    const printed = state === "queued" ? "" : await executor.logs(id, 0);
    if (state !== "running" && state !== "queued") {
      const lines = printed.trim().split("\n").slice(-LAST_LINES).join(" / ");
      const said = key.redact(lines === "" ? (message ?? "it printed nothing") : lines);
      throw new ServerError(`The worker ${id} on ${executor.name} has ${state}: ${said}`, {
        reason: "no-trainer",
      });
    }
    const url = /^whetstone's worker: .* (http:\/\/\S+)$/m.exec(printed)?.[1];
    if (url !== undefined) return url;
    await sleep(wait, undefined, signal ? { signal } : {}).catch(() => undefined);
  }
  throw interrupted();
}

const interrupted = (): InterruptedError =>
  new InterruptedError("Training was interrupted before its worker was there.");

/** The key of a job: made once, kept where this user alone reads it, so that a restarted whetstone has it too. */
function tokenOf(stem: string): string {
  const folder = join(cacheFolder(), "workers", stem);
  const file = join(folder, "token");
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(file, randomBytes(24).toString("hex"), { mode: 0o600 });
  }
  return readFileSync(file, "utf8").trim();
}

function readRecord(file: string): z.infer<typeof recordSchema> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(readFileSync(file, "utf8"))).data;
  } catch {
    return undefined;
  }
}
