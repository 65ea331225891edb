import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";

/** The name under which the tests' model is served, and the key that it wants. */
export const SERVED_MODEL = "smollm2";
export const SERVER_KEY = "sk-canary-0123456789+/=";
/** The interpreter that has the server, where `npm run test:models` could make one. */
export const LLAMA_PYTHON = process.env["WHETSTONE_LLAMA_PYTHON"];

/** A llama-cpp-python server that answers. */
export interface LlamaServer {
  /** Up to `/v1`. */
  readonly url: string;
  readonly child: ChildProcess;
  /** What it has printed so far. */
  log(): string;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

const READY_MS = 120_000;
/** Those that are not ended yet: none outlives the tests, even if they fail. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/**
 * Starts a server of one thread with log-probabilities, and waits until it answers.
 * @param gguf the model's file.
 * @throws Error with the end of its log where it does not.
 */
export async function llamaServer(gguf: string): Promise<LlamaServer> {
  const port = await freePort();
  const child = spawn(
    LLAMA_PYTHON!,
    [
      ...["-m", "llama_cpp.server", "--model", gguf, "--model_alias", SERVED_MODEL, "--logits_all", "true"],
      ...["--n_ctx", "1024", "--n_threads", "1", "--n_threads_batch", "1"],
      ...["--host", "127.0.0.1", "--port", String(port), "--api_key", SERVER_KEY],
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  alive.add(child);
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  void closed.then(() => alive.delete(child));
  const url = `http://127.0.0.1:${port}/v1`;
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  const until = performance.now() + READY_MS;
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() > until) {
      await kill();
      throw new Error(`The server does not answer: ${log.slice(-600)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, child, log: () => log, kill };
}

function answers(url: string): Promise<boolean> {
  return fetch(`${url}/models`, { headers: { authorization: `Bearer ${SERVER_KEY}` } }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
