import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { childServer, type ChildServer } from "./child-server.js";

/** The interpreter that has SkyRL, where `npm run test:models` could make one. */
export const SKYRL = process.env["WHETSTONE_SKYRL_PYTHON"];

/** SkyRL's server that answers. Its state stays when it is killed. */
export interface SkyRL extends ChildServer {
  readonly url: string;
  /** Its database and checkpoints. */
  readonly state: string;
  /** Ends it and deletes its state. */
  remove(): Promise<void>;
}

const PATIENCE_MS = 240_000;

/** One that nobody listens at. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/**
 * What the server starts its engine with: it asks for `uv run … -m skyrl.tinker.engine`, and reads the command line of its own parent to
 * know how. This one drops what would have uv resolve a project, and lets neither process outlive the one that started it.
 * @returns its folder
 */
function writeUv(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const python = JSON.stringify(SKYRL);
  const lines = [
    `#!${SKYRL!}`,
    "import ctypes, os, signal, subprocess, sys",
    `command = [${python}, *sys.argv[sys.argv.index("-m"):]]`,
    "def end_with_parent(): ctypes.CDLL(None).prctl(1, signal.SIGKILL)",
    'if "skyrl.tinker.engine" in command:',
    "    end_with_parent()",
    "    os.execv(command[0], command)",
    "sys.exit(subprocess.Popen(command, preexec_fn=end_with_parent).wait())",
  ];
  const file = join(folder, "uv");
  writeFileSync(file, `${lines.join("\n")}\n`);
  chmodSync(file, 0o755);
  return folder;
}

/** How a server is started. */
export interface SkyRLOptions {
  /** Of an earlier server, to go on from; absent: a new folder. */
  readonly state?: string;
  /** Of its jax backend, beside the number and the largest rank of adapters. */
  readonly backend?: Readonly<Record<string, unknown>>;
  /** Seconds without a heartbeat after which it frees a session's adapters. Default: its own. */
  readonly sessionSeconds?: number;
}

/** Starts SkyRL's server on the CPU, and waits until it answers and has its model. */
export async function startSkyRL(base: string, options: SkyRLOptions = {}): Promise<SkyRL> {
  const { state = mkdtempSync(join(tmpdir(), "whetstone-skyrl-")), backend = {}, sessionSeconds } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const path = writeUv(join(state, "uv"));
  const config = { max_lora_adapters: 8, max_lora_rank: 8, ...backend };
  const server = await childServer({
    what: "SkyRL's server",
    command: join(path, "uv"),
    args: [
      ...["run", "python", "-m", "skyrl.tinker.api", "--base-model", base, "--backend", "jax"],
      ...[
        "--backend-config",
        JSON.stringify(config),
        "--database-url",
        `sqlite:///${join(state, "tinker.db")}`,
      ],
      ...["--checkpoints-base", join(state, "checkpoints"), "--host", "127.0.0.1", "--port", `${port}`],
      ...(sessionSeconds === undefined
        ? []
        : ["--session-timeout-sec", `${sessionSeconds}`, "--session-cleanup-interval-sec", "1"]),
    ],
    ready: () => answers(url),
    patienceMs: PATIENCE_MS,
    env: {
      PATH: [path, dirname(SKYRL!), process.env["PATH"]].join(delimiter),
      ...{ JAX_PLATFORMS: "cpu", HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" },
      // What was compiled for a shape once is read from there.
      JAX_COMPILATION_CACHE_DIR: join(dirname(SKYRL!), "..", "compiled"),
      JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS: "0",
    },
  });
  const remove = async (): Promise<void> => {
    await server.kill();
    rmSync(state, { recursive: true, force: true });
  };
  return { ...server, url, state, remove };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/api/v1/healthz`)).ok;
  } catch {
    return false;
  }
}
