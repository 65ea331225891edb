import { childServer, type ChildServer } from "./child-server.js";
import { freePort } from "./free-port.js";

/** The name under which the tests' model is served, and the key that it wants. */
export const SERVED_MODEL = "smollm2";
export const SERVER_KEY = "sk-canary-0123456789+/=";
/** The interpreter that has the server, where `npm run test:models` could make one. */
export const LLAMA_PYTHON = process.env["WHETSTONE_LLAMA_PYTHON"];

/** A llama-cpp-python server that answers. */
export interface LlamaServer extends ChildServer {
  /** Up to `/v1`. */
  readonly url: string;
}

const PATIENCE_MS = 120_000;

/**
 * Starts a server of one thread with log-probabilities, and waits until it answers.
 * @param gguf the model's file.
 * @throws Error with the end of its log where it does not.
 */
export async function llamaServer(gguf: string): Promise<LlamaServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/v1`;
  const server = await childServer({
    what: "The server",
    command: LLAMA_PYTHON!,
    args: [
      ...["-m", "llama_cpp.server", "--model", gguf, "--model_alias", SERVED_MODEL, "--logits_all", "true"],
      ...["--n_ctx", "1024", "--n_threads", "1", "--n_threads_batch", "1"],
      ...["--host", "127.0.0.1", "--port", String(port), "--api_key", SERVER_KEY],
    ],
    ready: () => answers(url),
    patienceMs: PATIENCE_MS,
  });
  return { ...server, url };
}

function answers(url: string): Promise<boolean> {
  return fetch(`${url}/models`, { headers: { authorization: `Bearer ${SERVER_KEY}` } }).then(
    ({ ok }) => ok,
    () => false,
  );
}
