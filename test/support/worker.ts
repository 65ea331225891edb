import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The interpreter that has torch, transformers and peft, where `npm run test:models` could make one. */
export const PYTHON = process.env["WHETSTONE_PYTHON"];
export const WORKER = join(import.meta.dirname, "../../trainers/torch/worker.py");

/** A worker that answers. */
export interface Worker {
  readonly url: string;
  /** Its checkpoints and adapters. */
  readonly state: string;
  readonly child: ChildProcess;
  log(): string;
  /** Ends it at once, as a crash would; its state stays. */
  kill(): Promise<void>;
  /** Ends it and deletes its state. */
  remove(): Promise<void>;
}

const READY_MS = 180_000;
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/**
 * Starts the package's worker on the CPU, and waits until it answers.
 * @param state of an earlier worker, to go on from; absent: a new folder.
 * @param launcher what goes before `worker.py`; absent: the interpreter alone.
 */
export async function startWorker(
  base: string,
  args: readonly string[] = [],
  state = mkdtempSync(join(tmpdir(), "whetstone-worker-")),
  launcher: readonly string[] = [],
): Promise<Worker> {
  mkdirSync(state, { recursive: true });
  const announce = join(state, "announced.json");
  rmSync(announce, { force: true });
  const own = ["--base", base, "--state", state, "--announce", announce, "--dtype", "float32"];
  const child = spawn(PYTHON!, [...launcher, WORKER, ...own, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  alive.add(child);
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  void closed.then(() => alive.delete(child));
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  const until = performance.now() + READY_MS;
  while (!existsSync(announce)) {
    if (child.exitCode !== null || performance.now() > until) {
      await kill();
      throw new Error(`The worker does not answer: ${log.slice(-1500)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { url } = JSON.parse(readFileSync(announce, "utf8")) as { readonly url: string };
  const remove = async (): Promise<void> => {
    await kill();
    rmSync(state, { recursive: true, force: true });
  };
  return { url, state, child, log: () => log, kill, remove };
}
