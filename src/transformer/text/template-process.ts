import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { ModelError } from "../../core/errors.js";
import { reasonOf } from "../../core/json-file.js";
import type { Answer, Request } from "./template-renderer.mjs";

const RENDERER = fileURLToPath(new URL("./template-renderer.mjs", import.meta.url));

/** The heap of the rendering process; V8 counts its strings and objects, not its code. */
export const TEMPLATE_MEMORY_MB = 64;
/** How long one rendering may take. */
export const TEMPLATE_SECONDS = 2;
const START_MS = 30_000;
const IDLE_MS = 5_000;

/** `ended`: the process ended by itself while it rendered, which is how V8 runs out of memory. */
export type TemplateAnswer = Answer | { readonly kind: "timeout" } | { readonly kind: "ended" };

/**
 * A process that renders chat templates with bounded memory and time: started by the first request, kept for the next
 * ones, replaced when a template has ended it, and ended when it has been idle for some seconds. One request at a time. It keeps
 * the program alive only while somebody waits for it.
 */
export class TemplateProcess {
  private child: Promise<ChildProcess> | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly limitMs = TEMPLATE_SECONDS * 1000) {}

  /**
   * Renders, or only compiles where there are no values.
   * @throws ModelError when no process can be started.
   */
  request(request: Request): Promise<TemplateAnswer> {
    const answer = this.last.then(() => this.answer(request));
    this.last = answer.catch(() => undefined);
    return answer;
  }

  private async answer(request: Request): Promise<TemplateAnswer> {
    clearTimeout(this.idle);
    const child = await this.started();
    hold(child, true);
    const answer = await exchange(child, request, this.limitMs);
    hold(child, false);
    if (answer.kind === "timeout" || answer.kind === "ended") {
      this.child = undefined;
      // The next request is to find a process that is ready.
      await this.started().catch(() => undefined);
    }
    this.idle = setTimeout(() => this.end(), IDLE_MS).unref();
    return answer;
  }

  private async started(): Promise<ChildProcess> {
    const current = await this.child?.catch(() => undefined);
    // Something else may have ended it meanwhile.
    if (current?.connected === true) return current;
    this.child = start();
    return this.child;
  }

  private end(): void {
    const { child } = this;
    this.child = undefined;
    // Told so, it exits.
    child?.then((process) => process.connected && process.disconnect()).catch(() => undefined);
  }
}

async function start(): Promise<ChildProcess> {
  // Neither its user's flags nor their secrets: a template is a stranger's program. A core file goes where it may.
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${TEMPLATE_MEMORY_MB}`,
      "--max-semi-space-size=8",
      "--disallow-code-generation-from-strings",
      RENDERER,
    ],
    { stdio: ["ignore", "ignore", "ignore", "ipc"], env: {}, cwd: tmpdir() },
  );
  // Whatever goes wrong with it later shows in its exit.
  child.on("error", () => undefined);
  const abort = new AbortController();
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  try {
    const { signal } = abort;
    const ended = once(child, "exit", { signal }).then(() => {
      throw new Error("it ended at once");
    });
    await Promise.race([once(child, "message", { signal }), ended]);
  } catch (cause) {
    throw new ModelError(`the process that renders chat templates cannot be started: ${reasonOf(cause)}`, {
      cause,
    });
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
  hold(child, false);
  return child;
}

/** Sends a request and waits for its answer; a process that takes too long is ended. */
function exchange(child: ChildProcess, request: Request, limitMs: number): Promise<TemplateAnswer> {
  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, limitMs);
    const settle = (answer: TemplateAnswer): void => {
      clearTimeout(timer);
      child.removeListener("message", settle);
      child.removeListener("exit", onEnd);
      child.removeListener("error", onEnd);
      resolve(answer);
    };
    const onEnd = (): void => settle({ kind: late ? "timeout" : "ended" });
    child.once("message", settle).once("exit", onEnd).once("error", onEnd);
    child.send(request, (error) => error && onEnd());
  });
}

/** Whether a process that is there keeps the program alive. */
function hold(child: ChildProcess, alive: boolean): void {
  const method = alive ? "ref" : "unref";
  child[method]();
  child.channel?.[method]();
}
