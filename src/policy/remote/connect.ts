import { setTimeout as wait } from "node:timers/promises";
import { ServerError, UsageError } from "../../core/errors.js";
import { randomStream } from "../../core/random.js";
import type { Message } from "../policy.js";
import type { ApiKey } from "./api-key.js";
import { REMOTE_PREFIX } from "./base-urls.js";
import { Budget, type BudgetLimits } from "./budget.js";
import { Connection } from "./connection.js";
import { dialectOf } from "./dialects/index.js";
import type { Dialect } from "./dialects/dialect.js";
import { ServerFault } from "./fault.js";
import { Pool, type PoolOptions } from "./pool.js";
import { probe, type ServerFacts } from "./probe.js";
import { dispatcherFor } from "./transport.js";
import { Tally } from "./usage.js";

/** Which servers, and how to treat them. */
export interface ServersOptions extends BudgetLimits {
  /** The model's name, as the server lists it. */
  readonly model: string;
  /** Servers of the same model, as `baseUrls` gives them; at least one. */
  readonly baseUrls: readonly string[];
  readonly key?: ApiKey | undefined;
  /**
   * The protocol, by its name or one of your own. `chat` takes conversations, and a prompt's text as one message of the user.
   * Default `completions`: the prompt's text as it is.
   */
  readonly api?: string | Dialect | undefined;
  /** The model's chat template, for conversations where the protocol takes text alone. */
  readonly render?: ((messages: readonly Message[]) => Promise<string>) | undefined;
  /** Certificates in PEM that are trusted beside the usual ones. */
  readonly ca?: string | undefined;
  /** Requests at once to each server. Default 8. */
  readonly concurrency?: number | undefined;
  /** Responses are taken as streams. Default false. */
  readonly stream?: boolean | undefined;
  /** The longest wait for one reply. Default 290 s: Node itself gives up on a reply's beginning after 300 s. */
  readonly timeoutMs?: number | undefined;
  /** Tries of one request. Default 6. */
  readonly tries?: number | undefined;
  /** How waiting is done between tries; for tests. */
  readonly sleep?: ((ms: number, signal?: AbortSignal) => Promise<void>) | undefined;
  /** Ends the connecting, and what is asked outside of drawing. */
  readonly signal?: AbortSignal | undefined;
}

/** A server of the pool; what is known of it is found out before its first work. */
export interface Server {
  facts: ServerFacts | undefined;
}

/** Servers that are ready to draw. */
export interface Servers {
  readonly pool: Pool<Server>;
  readonly budget: Budget;
  readonly tally: Tally;
  readonly dialect: Dialect;
  /** Ends all connections. */
  readonly close: () => Promise<void>;
  /** What holds for all; where they differ, the weaker. */
  readonly facts: ServerFacts;
  /** What holds for one; probes it if it was down before. @throws ServerFault while it is, or if it gives less than the others. */
  readonly factsOf: (
    connection: Connection,
    server: Server,
    signal: AbortSignal | undefined,
  ) => Promise<ServerFacts>;
}

const CONCURRENCY = 8;
const TRIES = 6;
const TIMEOUT_MS = 290_000;
/** In nats: between two servers of the same weights. */
const SAME_WEIGHTS = 0.2;

/**
 * Connects and probes. Servers that are down are left for later as long as one is up.
 * @throws ServerError where none is up, one does not have the model or lacks log-probabilities, or two differ in weights.
 */
export async function connectServers(options: ServersOptions): Promise<Servers> {
  const { model, baseUrls, key, tries = TRIES, signal, sleep = pause } = options;
  if (baseUrls.length === 0)
    throw new UsageError(`The model ${REMOTE_PREFIX}${model} needs the URL of its server`, {
      reason: "no-server",
      where: model,
      remedy: "give it in `baseUrls`",
    });
  const tally = new Tally();
  const settings: ProbeSettings = {
    model,
    dialect: dialectOf(options.api),
    budget: new Budget(options, tally),
    tally,
  };
  const shared: PoolOptions = {
    concurrency: options.concurrency ?? CONCURRENCY,
    tries,
    sleep,
    jitter: randomStream(0, "backoff"),
    tally,
  };
  const dispatcher = dispatcherFor(options.ca);
  const servers = baseUrls.map((url): { readonly connection: Connection; readonly server: Server } => ({
    connection: new Connection(url, key, options.timeoutMs ?? TIMEOUT_MS, dispatcher),
    server: { facts: undefined },
  }));
  // With others at hand there is no need to wait for one that is down.
  const patience = servers.length > 1 ? Math.min(2, tries) : tries;
  const outcomes = await Promise.allSettled(
    servers.map(async ({ connection, server }) => {
      server.facts = await probeThrough({ ...shared, tries: patience }, connection, settings, signal);
    }),
  );
  const up = servers.flatMap(({ server }) => server.facts ?? []);
  for (const outcome of outcomes)
    if (outcome.status === "rejected" && (up.length === 0 || !isDown(outcome.reason))) throw outcome.reason;
  for (const facts of up) checkSameWeights(up[0]!, facts, model);
  const facts = up.reduce(weaker);
  // llama-cpp-python cuts a stream when another request comes.
  const oneAtATime = options.stream === true && up.some(({ kind }) => kind.name === "llama-cpp-python");
  return {
    pool: new Pool(servers, oneAtATime ? { ...shared, concurrency: 1 } : shared),
    budget: settings.budget,
    tally,
    dialect: settings.dialect,
    close: () => dispatcher.destroy(),
    facts,
    factsOf: async (connection, server, inner) =>
      (server.facts ??= await probeLate({ ...shared, tries: 1 }, connection, settings, facts, inner)),
  };
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, signal ? { signal } : {});
}

interface ProbeSettings {
  readonly model: string;
  readonly dialect: Dialect;
  readonly budget: Budget;
  readonly tally: Tally;
}

async function probeThrough(
  pooling: PoolOptions,
  connection: Connection,
  { model, dialect, budget, tally }: ProbeSettings,
  signal: AbortSignal | undefined,
): Promise<ServerFacts> {
  const one = new Pool([{ connection, server: undefined }], pooling);
  const what = `the probe of ${model}`;
  const models = await one.run(what, () => connection.models(signal), signal);
  return probe({ url: connection.url, models }, dialect, model, (kind, ask, read, tries) =>
    one.run(
      what,
      async () => {
        const release = budget.spend(connection.url, ask.maxTokens);
        try {
          const { body } = await connection.draw({ dialect, body: dialect.body(model, kind, ask), signal });
          tally.reply(dialect.tokensUsed(body));
          return read(body);
        } finally {
          release();
        }
      },
      signal,
      tries,
    ),
  );
}

async function probeLate(
  pooling: PoolOptions,
  connection: Connection,
  settings: ProbeSettings,
  known: ServerFacts,
  signal: AbortSignal | undefined,
): Promise<ServerFacts> {
  try {
    const facts = await probeThrough(pooling, connection, settings, signal);
    checkSameWeights(known, facts, settings.model);
    const both = weaker(known, facts);
    if (
      both.logProbs === known.logProbs &&
      both.tokenIds === known.tokenIds &&
      both.greedyRaw === known.greedyRaw
    )
      return facts;
    throw new ServerError("It gives less than the other servers.");
  } catch (error) {
    // A budget that is used up is no fault of the server.
    if (!(error instanceof ServerError) || error.constructor !== ServerError) throw error;
    throw new ServerFault("unreachable", error.message.replace(/\.$/, ""), { rest: true });
  }
}

/** Whether a server that did not come through the probe may do so later. */
function isDown(reason: unknown): boolean {
  return reason instanceof ServerError && reason.message.startsWith("No usable reply");
}

function checkSameWeights(one: ServerFacts, other: ServerFacts, model: string): void {
  const known = new Map(one.fingerprint.map(({ text, logProb }) => [text, logProb]));
  const apart = other.fingerprint.flatMap(({ text, logProb }) => {
    const before = known.get(text);
    return before === undefined ? [] : [Math.abs(before - logProb)];
  });
  if (apart.length > 0 && Math.max(...apart) < SAME_WEIGHTS) return;
  throw new ServerError(
    `The servers of ${model} serve different weights: after the same prompt their log-probabilities differ; name servers of one model.`,
  );
}

function weaker(a: ServerFacts, b: ServerFacts): ServerFacts {
  return {
    ...a,
    logProbs: a.logProbs === b.logProbs ? a.logProbs : "unclear",
    greedyRaw: a.greedyRaw && b.greedyRaw,
    seeds: a.seeds === "repeat" ? b.seeds : a.seeds,
    n: a.n === "honoured" ? b.n : a.n,
    echo: a.echo === "matches" ? b.echo : a.echo,
    tokenIds: a.tokenIds && b.tokenIds,
  };
}
