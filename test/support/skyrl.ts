import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { writeUvStandIn } from "../../scripts/skyrl-env.mjs";

/** The interpreter that has SkyRL, where `npm run test:models` could make one. */
export const SKYRL_PYTHON = process.env["WHETSTONE_SKYRL_PYTHON"];

/** A server of SkyRL that answers, and the engine that it started. */
export interface SkyrlServer {
  readonly url: string;
  log(): string;
  /** Ends both at once; the checkpoints stay. */
  kill(): Promise<void>;
  remove(): Promise<void>;
}

const READY_MS = 300_000;
const alive = new Set<ChildProcess>();
const killGroup = (child: ChildProcess): void => {
  try {
    process.kill(-child.pid!, "SIGKILL");
  } catch {
    // It has ended.
  }
};
process.on("exit", () => {
  for (const child of alive) killGroup(child);
});

/** Starts SkyRL's server on the CPU and waits until it answers. @param state of an earlier one, whose checkpoints it goes on from. */
export async function startSkyrl(
  base: string,
  state = mkdtempSync(join(tmpdir(), "whetstone-skyrl-")),
): Promise<SkyrlServer> {
  const bin = writeUvStandIn(join(state, "bin"), SKYRL_PYTHON!);
  const port = await freePort();
  const backend = JSON.stringify({ max_lora_adapters: 6, max_lora_rank: 8 });
  const child = spawn(
    "uv",
    [
      ...["run", "python", "-m", "skyrl.tinker.api", "--base-model", base, "--backend", "jax"],
      ...["--backend-config", backend, "--database-url", `sqlite:///${join(state, "tinker.db")}`],
      ...["--checkpoints-base", join(state, "checkpoints"), "--host", "127.0.0.1", "--port", `${port}`],
    ],
    {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
        JAX_PLATFORMS: "cpu",
        HF_HUB_OFFLINE: "1",
      },
    },
  );
  alive.add(child);
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  void closed.then(() => alive.delete(child));
  const kill = async (): Promise<void> => {
    killGroup(child);
    await closed;
  };
  const url = `http://127.0.0.1:${port}`;
  const until = performance.now() + READY_MS;
  const answers = (): Promise<boolean> =>
    fetch(`${url}/api/v1/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await answers())) {
    if (child.exitCode !== null || performance.now() > until) {
      await kill();
      throw new Error(`SkyRL's server does not answer: ${log.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const remove = async (): Promise<void> => {
    await kill();
    rmSync(state, { recursive: true, force: true });
  };
  return { url, log: () => log, kill, remove };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
