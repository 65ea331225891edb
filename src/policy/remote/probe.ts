import { z } from "zod";
import { ServerError } from "../../core/errors.js";
import type { FirstToken } from "../policy.js";
import type { ServedModel } from "./connection.js";
import { BudgetError } from "./budget.js";
import { ServerFault } from "./fault.js";
import type { Ask, Dialect } from "./dialects/dialect.js";
import { readReply, type Reply } from "./reply.js";
import { ASK_FOR_FEWER, serverKind, type ServerKind } from "./server-kinds.js";

/** What a few tiny requests found out about a server. */
export interface ServerFacts {
  readonly kind: ServerKind;
  /** The names that the server gives the model in its replies, and the one that was asked for; undefined where it names none, or another each time. */
  readonly models: readonly string[] | undefined;
  /** Log-probabilities at temperature 0.3: the same as at 1 (`raw`), divided by it (`processed`), or neither. */
  readonly logProbs: "raw" | "processed" | "unclear";
  /** Whether greedy responses have log-probabilities at temperature 1. */
  readonly greedyRaw: boolean;
  /** Whether the same seed draws the same response. */
  readonly seeds: "repeat" | "do not repeat";
  /** Whether several choices come with one request; whetstone never needs it. */
  readonly n: "honoured" | "ignored" | "refused";
  /** Whether a prompt that is given back has the log-probabilities that generation gives. */
  readonly echo: "matches" | "wrong" | "none";
  readonly tokenIds: boolean;
  /** The likeliest tokens after the probe's prompt at temperature 1: tells servers apart that serve different weights. */
  readonly fingerprint: readonly FirstToken[];
}

/** Sends an ask and reads the reply, within the budget; faults are retried. @throws ServerError after the last try. */
export type Send = <R>(kind: ServerKind, ask: Ask, read: (body: unknown) => R, tries?: number) => Promise<R>;

const PROMPT = { text: "The capital of France is" };
const TOP = 5;
const LOW_TEMPERATURE = 0.3;
/** In nats: servers with batches in flight round differently. */
const SAME = 0.05;

/**
 * Finds out what a server does, with up to eight requests of a few tokens each.
 * @param model the name that was asked for. @throws ServerError where it is not served, or has no log-probabilities.
 */
export async function probe(
  { url, models }: { readonly url: string; readonly models: readonly ServedModel[] | undefined },
  dialect: Dialect,
  model: string,
  send: Send,
): Promise<ServerFacts> {
  const listed = models?.find(({ id }) => id === model);
  if (models && !listed) {
    const names = models.map(({ id }) => id).join(", ");
    throw new ServerError(`The server ${url} does not have the model ${model}; it has ${names || "none"}.`);
  }
  const kind = serverKind(listed?.owner);
  const names = new Set<string>();
  let saysRaw = false;
  const draw: Draw = (ask, read, tries) =>
    send(
      kind,
      { prompt: PROMPT, maxTokens: 1, temperature: 1, seed: 1, ...ask },
      (body) => {
        const name = dialect.model(body);
        if (name !== undefined) names.add(name);
        saysRaw ||= ownWord.safeParse(body).success;
        return read(body);
      },
      tries,
    );
  const oneToken = (body: unknown): Reply => readReply(dialect, body, { maxTokens: 1, ids: "none" });
  const { first, top } = await firstReply(url, kind, dialect, draw);
  const told = first.top[0] ?? [];
  const atOne = told.length > 0 ? told : [{ text: first.pieces[0]!, logProb: first.logProbs[0]! }];
  const low = await draw({ top, temperature: LOW_TEMPERATURE }, oneToken);
  const greedy = await draw({ top, temperature: 0 }, oneToken);
  // Where the drawn token alone is told, there is nothing to see it by but whetstone's own word.
  const believed = top === 0 && saysRaw;
  const facts = {
    kind,
    logProbs: believed ? "raw" : temperatureEffect(atOne, low.top[0] ?? []),
    greedyRaw: believed || Math.abs((greedy.logProbs[0] ?? NaN) - (atOne[0]?.logProb ?? NaN)) < SAME,
    seeds: (await sameTwice(dialect, draw)) ? "repeat" : "do not repeat",
    n: await severalChoices(dialect, draw),
    echo: dialect.echoes ? await echoed(dialect, draw, atOne) : "none",
    tokenIds: first.tokens.length > 0,
    fingerprint: atOne,
  } as const;
  return { ...facts, models: names.size === 1 ? [...new Set([...names, model])] : undefined };
}

type Draw = <R>(ask: Partial<Ask>, read: (body: unknown) => R, tries?: number) => Promise<R>;

/** What whetstone's server says of its log-probabilities. */
const ownWord = z.looseObject({ whetstone: z.looseObject({ logprobs: z.literal("raw") }) });

/** The first reply, and how many of the likeliest tokens may be asked for: none of a server of whetstone's own that tells no five. */
async function firstReply(
  url: string,
  kind: ServerKind,
  dialect: Dialect,
  draw: Draw,
): Promise<{ readonly first: Reply; readonly top: number }> {
  const lacking = (): ServerError =>
    new ServerError(
      `The server ${url} gives no log-probabilities of its tokens, which every run needs: ${kind.logProbsHint}.`,
    );
  const drawTop = async (top: number): Promise<{ readonly first: Reply; readonly top: number }> => {
    const first = await draw({ top }, (body) => {
      try {
        const first = readReply(dialect, body, { maxTokens: 1, ids: "optional" });
        if (first.logProbs.length > 0) return first;
      } catch (error) {
        if (!(error instanceof ServerFault && error.fault === "no log-probabilities")) throw error;
      }
      throw lacking();
    });
    return { first, top };
  };
  try {
    return await drawTop(TOP);
  } catch (error) {
    if (kind.usualTop === 0 && error instanceof ServerError && error.message.includes(ASK_FOR_FEWER))
      return drawTop(0);
    if (error instanceof ServerError && /logits_all|logprobs is not|logprobs are not/i.test(error.message))
      throw lacking();
    throw error;
  }
}

function logProbOf(tokens: readonly FirstToken[], text: string | undefined): number | undefined {
  return tokens.find((token) => token.text === text)?.logProb;
}

/** By the distance between the likeliest and the least likely token that both lists have. */
function temperatureEffect(
  atOne: readonly FirstToken[],
  low: readonly FirstToken[],
): ServerFacts["logProbs"] {
  const common = atOne.filter(({ text }) => (logProbOf(low, text) ?? -Infinity) > -100);
  const [a, b] = [common[0], common.at(-1)];
  if (a === undefined || b === undefined || a.logProb - b.logProb < SAME) return "unclear";
  const ratio = (logProbOf(low, a.text)! - logProbOf(low, b.text)!) / (a.logProb - b.logProb);
  if (Math.abs(ratio - 1) < 0.1) return "raw";
  return Math.abs(ratio * LOW_TEMPERATURE - 1) < 0.1 ? "processed" : "unclear";
}

async function sameTwice(dialect: Dialect, draw: Draw): Promise<boolean> {
  const read = (body: unknown): Reply => readReply(dialect, body, { maxTokens: 8, ids: "none" });
  const ask = { maxTokens: 8, seed: 7 };
  const [one, two] = [await draw(ask, read), await draw(ask, read)];
  return one.text === two.text && one.logProbs.length === two.logProbs.length;
}

async function severalChoices(dialect: Dialect, draw: Draw): Promise<ServerFacts["n"]> {
  const choices = await unlessRefused(draw({ n: 2 }, (body) => dialect.count(body), 1));
  if (choices === undefined) return "refused";
  return choices === 2 ? "honoured" : "ignored";
}

/** The prompt goes on by a likely word and is asked for back: is that word's log-probability what it was? */
async function echoed(
  dialect: Dialect,
  draw: Draw,
  atOne: readonly FirstToken[],
): Promise<ServerFacts["echo"]> {
  const word = atOne.find(({ text }) => /^\s?\p{L}+$/u.test(text));
  if (word === undefined) return "none";
  const read = (body: unknown): Reply =>
    readReply(dialect, body, { maxTokens: Infinity, ids: "none", echo: true });
  const reply = await unlessRefused(
    draw({ prompt: { text: PROMPT.text + word.text }, echo: true, temperature: 0 }, read, 1),
  );
  // The prompt's tokens, and perhaps the one that had to be drawn.
  if (reply === undefined || reply.pieces.length < 3) return "none";
  const at = reply.pieces.indexOf(word.text);
  return at > 0 && Math.abs(reply.logProbs[at]! - word.logProb) < SAME ? "matches" : "wrong";
}

/** Undefined where the server refuses or fails: then it does not offer it. */
async function unlessRefused<R>(sent: Promise<R>): Promise<R | undefined> {
  try {
    return await sent;
  } catch (error) {
    if (error instanceof ServerError && !(error instanceof BudgetError)) return undefined;
    throw error;
  }
}
