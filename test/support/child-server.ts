import { spawn, type ChildProcess } from "node:child_process";

/** A server that runs as a process of its own, and answers. */
export interface ChildServer {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  log(): string;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

/** How it is started. */
export interface ChildServerOptions {
  /** Its name in an error. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Whether it answers. */
  readonly ready: () => boolean | Promise<boolean>;
  readonly patienceMs: number;
  /** Variables beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
}

const LOOK_MS = 50;
/** Those that are not ended yet: none outlives the tests, even if they fail. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts a server and waits until it answers. @throws Error with the end of its log where it does not. */
export async function childServer(options: ChildServerOptions): Promise<ChildServer> {
  const { what, command, args, ready, patienceMs, env } = options;
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
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
  const until = performance.now() + patienceMs;
  while (!(await ready())) {
    if (child.exitCode !== null || performance.now() > until) {
      await kill();
      throw new Error(`${what} does not answer: ${log.slice(-1500)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { child, log: () => log, kill };
}
