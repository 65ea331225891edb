import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { ServerError } from "../core/errors.js";

/** Something that listens. */
export interface Listening {
  /** Where it is reached. */
  readonly url: string;
  /** Lets go of the port, and of every connection once all requests are answered. */
  close(): Promise<void>;
}

/**
 * Milliseconds. An idle connection is kept for longer than load balancers (60 s) and clients' pools keep theirs: whoever keeps one longer
 * than the server sends a request now and then into a connection that is just being closed.
 */
const TIMES = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 75_000 };

/** Listens for a server's routes. @throws ServerError where the address is taken or cannot be listened at. */
export async function listen(
  { fetch }: Pick<Hono, "fetch">,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const server = await new Promise<ReturnType<typeof serve>>((resolve, reject) => {
    const listening = serve({ fetch, hostname: host, port, serverOptions: TIMES }, () => resolve(listening));
    listening.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new ServerError(`The server cannot listen at ${host}:${port} (${cause.code ?? cause.message})`, {
          reason: "cannot-listen",
          where: `${host}:${port}`,
          remedy: "end what listens there or choose another `port`",
          cause,
        }),
      ),
    );
  });
  const { address, port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${address.includes(":") ? `[${address}]` : address}:${actual}`,
    close: closing(server as Server),
  };
}

/**
 * Ends a server. Node's own `close` waits until connections have been idle for as long as they may be, and for those on which nothing was ever
 * asked, as browsers open them.
 */
function closing(server: Server): () => Promise<void> {
  let [open, isClosing] = [0, false];
  const letGo = (): void => {
    if (isClosing && open === 0) server.closeAllConnections();
  };
  server.on("request", (_, response: ServerResponse) => {
    open++;
    response.once("close", () => {
      open--;
      letGo();
    });
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      isClosing = true;
      letGo();
    });
}
