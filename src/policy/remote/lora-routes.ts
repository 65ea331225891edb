import { z } from "zod";
import { ServerError } from "../../core/errors.js";
import type { ServersOptions } from "./connect.js";
import { ServerFault } from "./fault.js";
import { dispatcherFor, Transport } from "./transport.js";

/** An adapter as servers get it. */
export interface ServedAdapter {
  /** Under which they have it: a name that no other adapter ever has, since servers keep what they know of a name. */
  readonly name: string;
  /** Its folder in PEFT's layout, as the servers see it. */
  readonly path: string;
}

/** The servers, as far as loading goes. */
export type LoraServers = Pick<ServersOptions, "baseUrls" | "key" | "ca" | "signal">;

/** Of one request: weights are read from a disk that others share. */
const PATIENCE_MS = 300_000;
const listSchema = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });

/** One server's routes for adapters, vLLM's. */
class LoraRoutes {
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;

  constructor(
    readonly url: string,
    { key, signal }: LoraServers,
    dispatcher: ReturnType<typeof dispatcherFor>,
  ) {
    this.#transport = new Transport(url, key, dispatcher);
    this.#signal = signal;
  }

  get #within(): AbortSignal {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    return this.#signal ? AbortSignal.any([this.#signal, patience]) : patience;
  }

  async lists(name: string): Promise<boolean> {
    const parsed = listSchema.safeParse(await this.#transport.get("/models", this.#within));
    return parsed.success && parsed.data.data.some(({ id }) => id === name);
  }

  load({ name, path }: ServedAdapter): Promise<unknown> {
    return this.#transport.tell("/load_lora_adapter", { lora_name: name, lora_path: path }, this.#within);
  }

  async unload(name: string): Promise<void> {
    try {
      await this.#transport.tell(
        "/unload_lora_adapter",
        { lora_name: name },
        AbortSignal.timeout(PATIENCE_MS),
      );
    } catch (error) {
      // Its server is down, or has forgotten it.
      if (!(error instanceof ServerFault)) throw error;
    }
  }
}

/**
 * Loads an adapter into every server, and sees that each lists it. Where one has it already, it was started with it, or an earlier
 * attempt left it there: it is taken as it is.
 * @returns unloads it where it was loaded. Nothing stays loaded where this fails.
 * @throws ServerError, with the reason `adapter-not-served`, for a server that loads no adapters while it runs; for one that fails to, or
 * does not list it afterwards.
 */
export async function loadIntoServers(
  servers: LoraServers,
  adapter: ServedAdapter,
): Promise<{ unload(): Promise<void> }> {
  const dispatcher = dispatcherFor(servers.ca);
  const loaded: LoraRoutes[] = [];
  const unload = async (): Promise<void> => {
    await Promise.all(loaded.splice(0).map((routes) => routes.unload(adapter.name)));
    await dispatcher.destroy();
  };
  try {
    for (const url of servers.baseUrls) {
      const routes = new LoraRoutes(url, servers, dispatcher);
      if (await loadInto(routes, adapter)) loaded.push(routes);
    }
    return { unload };
  } catch (error) {
    await unload();
    throw error instanceof ServerFault ? new ServerError(`${error.message}.`) : error;
  }
}

/** @returns whether it was not there before. */
async function loadInto(routes: LoraRoutes, adapter: ServedAdapter): Promise<boolean> {
  const { url } = routes;
  try {
    if (await routes.lists(adapter.name)) return false;
    await routes.load(adapter);
    if (await routes.lists(adapter.name)) return true;
  } catch (error) {
    if (!(error instanceof ServerFault)) throw error;
    if (error.status === 404 || error.status === 405 || error.status === 501)
      throw new ServerError(`The server at ${url} loads no adapters while it runs`, {
        reason: "adapter-not-served",
        where: url,
        remedy: `serve ${adapter.path} under the name ${adapter.name}, and go on`,
      });
    throw new ServerError(
      `The server at ${url} does not load the adapter ${adapter.path}: ${error.message}.`,
      {
        where: url,
      },
    );
  }
  throw new ServerError(
    `The server at ${url} says that it has loaded the adapter ${adapter.name}, and does not list it.`,
    { where: url },
  );
}
