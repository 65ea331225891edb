import type { Dispatcher } from "undici";
import { z } from "zod";
import { InterruptedError } from "../../core/errors.js";
import type { ApiKey } from "./api-key.js";
import type { Dialect, StreamReader } from "./dialects/dialect.js";
import { ServerFault } from "./fault.js";
import { Transport } from "./transport.js";

/** Whether a stream is to end, by its log-probabilities and its text so far. */
export type StopRule = (logProbs: readonly number[], text: string) => boolean;

/** A request to draw, as it goes over the wire. */
export interface WireRequest {
  readonly dialect: Dialect;
  readonly body: Readonly<Record<string, unknown>>;
  /**
   * Take the reply as a stream, and ask this after each piece with the log-probabilities and the text so far; `true` ends the request.
   * Absent: the reply comes whole.
   */
  readonly stop?: StopRule | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What came back. */
export interface WireReply {
  /** A stream is put together as if it had come whole. */
  readonly body: unknown;
  /** Whether `stop` ended it: it is no response then. */
  readonly stopped: boolean;
}

/** A model that a server says it has. */
export interface ServedModel {
  readonly id: string;
  readonly owner: string | undefined;
}

const listSchema = z.object({ data: z.array(z.object({ id: z.string(), owned_by: z.string().nullish() })) });
/** What servers say that have no list of models. */
const NO_LIST = new Set<number | undefined>([404, 405, 501]);

/** One server. Retries are the pool's, so that another server can take over. */
export class Connection {
  readonly url: string;
  readonly #transport: Transport;
  readonly #key: ApiKey | undefined;
  readonly #timeoutMs: number;

  constructor(url: string, key: ApiKey | undefined, timeoutMs: number, dispatcher: Dispatcher) {
    this.url = url;
    this.#key = key;
    this.#timeoutMs = timeoutMs;
    this.#transport = new Transport(url, key, dispatcher);
  }

  /** The models that the server lists; undefined if it has no such list. @throws ServerFault */
  async models(signal?: AbortSignal): Promise<ServedModel[] | undefined> {
    try {
      const body = await this.#exchange(signal, (inner) => this.#transport.get("/models", inner));
      const parsed = listSchema.safeParse(body);
      return parsed.success
        ? parsed.data.data.map(({ id, owned_by }) => ({ id, owner: owned_by ?? undefined }))
        : undefined;
    } catch (error) {
      if (error instanceof ServerFault && NO_LIST.has(error.status)) return undefined;
      throw error;
    }
  }

  /** @throws ServerFault; InterruptedError when the signal fires. */
  async draw({ dialect, body, stop, signal }: WireRequest): Promise<WireReply> {
    const reply = await this.#exchange(signal, async (inner): Promise<WireReply> => {
      if (stop === undefined)
        return { body: await this.#transport.post(dialect.path, body, inner), stopped: false };
      const events = this.#transport.stream(dialect.path, { ...body, ...dialect.streaming }, inner);
      return collect(events, dialect.stream(), stop);
    });
    if (reply.body !== undefined && this.#key?.isIn(JSON.stringify(reply.body))) {
      throw new ServerFault("key in the reply", "a reply that holds the key", { retry: false });
    }
    return reply;
  }

  async #exchange<T>(signal: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    // Not `AbortSignal.timeout`, whose timer outlives the request by the longest wait.
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#timeoutMs);
    const inner = signal ? AbortSignal.any([signal, patience.signal]) : patience.signal;
    try {
      return await send(inner);
    } catch (error) {
      if (signal?.aborted) throw new InterruptedError("Drawing from the server was interrupted.");
      if (patience.signal.aborted) {
        throw new ServerFault("timeout", `no reply within ${this.#timeoutMs / 1000} s`, { rest: true });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

async function collect(
  events: AsyncIterable<unknown>,
  reply: StreamReader,
  stop: StopRule,
): Promise<WireReply> {
  for await (const event of events) {
    reply.add(event);
    // A response that has ended is whole: it is not asked about.
    if (!reply.finished && reply.logProbs.length > 0 && stop(reply.logProbs, reply.text))
      return { body: reply.body(), stopped: true };
  }
  return { body: reply.body(), stopped: false };
}
