import { UsageError } from "../core/errors.js";
import type { Answering } from "./answering.js";
import { isLoopback } from "./guard.js";
import { listen } from "./listen.js";
import { serveApp, type ServeSettings } from "./app.js";

export interface ListenOptions {
  /** Default 127.0.0.1: reached from this machine alone. */
  readonly host?: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** A server that listens. */
export interface RunningServer {
  /** Where it is reached, without /v1. */
  readonly url: string;
  /** Requests and candidates that are at work. */
  readonly standing: Answering["standing"];
  /** Lets nobody else in, and ends once those under way are answered; after so long they are broken off. Default 30 s. */
  close(patienceMs?: number): Promise<void>;
}

/** How long requests that are under way may go on once the server is to end. */
const PATIENCE_MS = 30_000;

/**
 * Starts the server.
 * @throws ServerError where the address is taken or cannot be listened at; UsageError where others could reach it without a key.
 */
export async function startServer(
  settings: ServeSettings,
  { host = "127.0.0.1", port }: ListenOptions,
): Promise<RunningServer> {
  if ((settings.keys ?? []).length === 0 && !isLoopback(host))
    throw new UsageError(`At ${host} others could ask this server, and it has no key`, {
      reason: "no-serve-key",
      where: host,
      remedy: "give it `keys`, or listen at 127.0.0.1",
    });
  const { app, answering } = serveApp(settings);
  const listening = await listen(app, { host, port });
  return {
    url: listening.url,
    get standing() {
      return answering.standing;
    },
    close: async (patienceMs = PATIENCE_MS) => {
      // It goes on listening meanwhile, so that whoever asks is told.
      await answering.close(patienceMs);
      await listening.close();
    },
  };
}
