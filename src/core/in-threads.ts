import { parentPort, Worker } from "node:worker_threads";
import { RunError } from "./errors.js";

/** Pieces that a thread has at once: one that it works on, and the next. */
const PIECES_AT_ONCE = 2;
/** So many pieces may be answered ahead of the one that is waited for. */
const MOST_AHEAD = 64;

/** Work for several threads, piece by piece. */
export interface ThreadedWork<Piece> {
  /** The threads' module, which calls `answerPieces`. */
  readonly module: URL;
  /** What each thread is told once. */
  readonly data?: unknown;
  readonly threads: number;
  readonly pieces: number;
  /** A piece, when its turn has come: a plain value. */
  readonly pieceOf: (number: number) => Piece;
  /** What a thread does, in words: "measures the run". */
  readonly what: string;
  /** What to do where a thread has ended, in words. */
  readonly remedy: string;
}

interface Asked<Piece> {
  readonly number: number;
  readonly piece: Piece;
}

interface Answered<Reply> {
  readonly number: number;
  readonly reply?: Reply | undefined;
}

/**
 * What the threads say of each piece, in the order of the pieces; undefined where one cannot be done there. The threads end with it.
 * @throws RunError where a thread has ended by itself.
 */
export async function* inThreads<Piece, Reply>(work: ThreadedWork<Piece>): AsyncGenerator<Reply | undefined> {
  const threads = Array.from({ length: work.threads }, () => startThread<Piece, Reply>(work));
  try {
    const replies = dealt(threads, work);
    for (let number = 0; number < work.pieces; number++) yield await replies.of(number);
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** Deals the pieces to threads as they become free. */
function dealt<Piece, Reply>(
  threads: readonly Thread<Piece, Reply>[],
  { pieces, pieceOf }: ThreadedWork<Piece>,
) {
  const asked = new Map<number, Promise<Reply | undefined>>();
  const free = threads.flatMap((thread) => Array.from({ length: PIECES_AT_ONCE }, () => thread));
  let [next, waitedFor] = [0, 0];
  const deal = (): void => {
    while (free.length > 0 && next < pieces && next < waitedFor + MOST_AHEAD) {
      const thread = free.shift()!;
      const number = next++;
      const reply = thread.ask({ number, piece: pieceOf(number) });
      asked.set(number, reply);
      // A thread that has ended is not asked again; whoever waits for the piece is told.
      reply.then(() => (free.push(thread), deal())).catch(() => undefined);
    }
  };
  return {
    of: async (number: number): Promise<Reply | undefined> => {
      waitedFor = number;
      deal();
      const reply = await asked.get(number);
      asked.delete(number);
      return reply;
    },
  };
}

interface Thread<Piece, Reply> {
  /** @throws RunError where the thread has ended. */
  ask(asked: Asked<Piece>): Promise<Reply | undefined>;
  end(): Promise<unknown>;
}

function startThread<Piece, Reply>({
  module,
  data,
  what,
  remedy,
}: ThreadedWork<Piece>): Thread<Piece, Reply> {
  const worker = new Worker(module, { workerData: data });
  const waiting = new Map<number, PromiseWithResolversOf<Reply | undefined>>();
  let ended: RunError | undefined;
  const fail = (reason: string, cause?: unknown): void => {
    ended ??= new RunError(`A thread that ${what} has ended: ${reason}`, {
      reason: "thread-ended",
      remedy,
      cause,
    });
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on("message", ({ number, reply }: Answered<Reply>) => {
    waiting.get(number)?.resolve(reply);
    waiting.delete(number);
  });
  worker.on("error", (error: Error) => {
    fail(error.message.replace(/[.\s]+$/, ""), error);
  });
  worker.on("exit", (code) => {
    fail(`it exited with code ${code}`);
  });
  return {
    ask: (asked) =>
      new Promise((resolve, reject) => {
        if (ended) {
          reject(ended);
          return;
        }
        waiting.set(asked.number, { resolve, reject });
        worker.postMessage(asked);
      }),
    end: () => worker.terminate(),
  };
}

interface PromiseWithResolversOf<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * Answers the pieces that `inThreads` deals to this thread. A piece that it throws for is left to the main thread, which does it again and says what is
 * wrong with it.
 * @param handedOver the buffers of a reply that are handed over without a copy.
 */
export function answerPieces<Piece, Reply>(
  answer: (piece: Piece) => Reply | Promise<Reply>,
  handedOver: (reply: Reply) => ArrayBuffer[] = () => [],
): void {
  const port = parentPort!;
  const reply = async ({ number, piece }: Asked<Piece>): Promise<void> => {
    let own: Reply;
    try {
      own = await answer(piece);
    } catch {
      port.postMessage({ number } satisfies Answered<Reply>);
      return;
    }
    port.postMessage({ number, reply: own } satisfies Answered<Reply>, handedOver(own));
  };
  port.on("message", (asked: Asked<Piece>) => void reply(asked));
}
