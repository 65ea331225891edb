import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childServer, type ChildServer } from "./child-server.js";

/** The interpreter that has torch, transformers and peft, where `npm run test:models` could make one. */
export const PYTHON = process.env["WHETSTONE_PYTHON"];
export const WORKER = join(import.meta.dirname, "../../trainers/torch/worker.py");

/** A worker that answers. Its state stays when it is killed. */
export interface Worker extends ChildServer {
  readonly url: string;
  /** Its checkpoints and adapters. */
  readonly state: string;
  /** Ends it and deletes its state. */
  remove(): Promise<void>;
}

const PATIENCE_MS = 180_000;

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
  const server = await childServer({
    what: "The worker",
    command: PYTHON!,
    args: [...launcher, WORKER, ...own, ...args],
    ready: () => existsSync(announce),
    patienceMs: PATIENCE_MS,
  });
  const { url } = JSON.parse(readFileSync(announce, "utf8")) as { readonly url: string };
  const remove = async (): Promise<void> => {
    await server.kill();
    rmSync(state, { recursive: true, force: true });
  };
  return { ...server, url, state, remove };
}
