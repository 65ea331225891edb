import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort } from "./free-port.js";

/** The interpreter that has Ray, where `npm run test:models` could make one. */
export const RAY_PYTHON = process.env["WHETSTONE_RAY_PYTHON"];

/** A Ray cluster of one node that takes jobs. */
export interface RayHead {
  /** Of its dashboard. */
  readonly url: string;
  stop(): Promise<void>;
}

const READY_MS = 240_000;
const alive = new Set<ChildProcess>();
const signal = (child: ChildProcess, name: NodeJS.Signals): void => {
  try {
    process.kill(-child.pid!, name);
  } catch {
    // It has ended.
  }
};
process.on("exit", () => {
  for (const child of alive) signal(child, "SIGKILL");
});

/** Starts a head on this machine, and waits until its dashboard answers. */
export async function startRay(): Promise<RayHead> {
  const [port, dashboard, agent] = [await freePort(), await freePort(), await freePort()];
  // Ray's sockets lie in it, whose paths must be short.
  const temporary = mkdtempSync(join(tmpdir(), "wray-"));
  const head = spawn(
    join(dirname(RAY_PYTHON!), "ray"),
    [
      ...["start", "--head", "--block", `--port=${port}`, `--dashboard-port=${dashboard}`, "--num-cpus=2"],
      ...["--include-dashboard=true", `--temp-dir=${temporary}`, "--disable-usage-stats"],
      // Its usual port is one and the same for every head on a machine.
      ...["--object-store-memory=100000000", `--dashboard-agent-listen-port=${agent}`],
    ],
    { stdio: "ignore", detached: true, env: { ...process.env, RAY_ENABLE_UV_RUN_RUNTIME_ENV: "0" } },
  );
  alive.add(head);
  head.once("close", () => alive.delete(head));
  const url = `http://127.0.0.1:${dashboard}`;
  const answers = (): Promise<boolean> =>
    fetch(`${url}/api/jobs/`).then(
      ({ ok }) => ok,
      () => false,
    );
  const stop = async (): Promise<void> => {
    const closed = once(head, "close");
    signal(head, "SIGTERM");
    const patience = setTimeout(() => signal(head, "SIGKILL"), 20_000);
    await closed;
    clearTimeout(patience);
    rmSync(temporary, { recursive: true, force: true });
  };
  const until = performance.now() + READY_MS;
  while (!(await answers())) {
    if (head.exitCode !== null || performance.now() > until) {
      signal(head, "SIGKILL");
      throw new Error("Ray's dashboard does not answer.");
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return { url, stop };
}
