import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { ServerError } from "../core/errors.js";

/** Something that listens. */
export interface Listening {
  /** Where it is reached. */
  readonly url: string;
  /** Lets go of the port once every connection is over. */
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
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
