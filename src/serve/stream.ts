import type { Answered } from "./answered.js";
import type { Answering, Asked, AskedOne } from "./answering.js";
import { toApiError } from "./api-error.js";
import { eventStream } from "./event-stream.js";
import { joined } from "./joined.js";
import { candidates, type Candidates } from "../sharpen/candidates.js";
import { ClientGone, type RequestNote } from "./request-log.js";
import type { Frame, StreamForm } from "./reply.js";

export interface StreamSettings {
  readonly client: AbortSignal;
  /** Milliseconds without anything new after which the client is told that it is still going on. */
  readonly beatMs: number;
  readonly note: Pick<RequestNote, "answered" | "streams">;
}

/** The reply as a stream of server-sent events; drawn as fast as it is read, and given up when its reader goes. */
export function streamReply(
  answering: Answering,
  asked: Asked,
  form: StreamForm,
  { client, beatMs, note }: StreamSettings,
): Response {
  return eventStream(client, (signal) => framesOf(answering, asked, form, { client: signal, beatMs, note }));
}

/** The events of a stream: of one prompt, or of several as they come. */
async function* framesOf(
  answering: Answering,
  asked: Asked,
  form: StreamForm,
  { client, beatMs, note }: StreamSettings,
): AsyncGenerator<Frame> {
  const ended = note.streams();
  const answered: Answered[] = [];
  const leave = new AbortController();
  const { signal, release } = joined([client, leave.signal]);
  const parts = asked.map((one, at) =>
    partOf(answering, one, { form, at, client: signal, beatMs, done: (came) => (answered[at] = came) }),
  );
  let outcome: unknown = new ClientGone();
  try {
    yield* form.begin();
    yield* parts.length === 1 ? parts[0]! : merged(parts);
    note.answered(answered);
    outcome = undefined;
    yield* form.close(answered);
  } catch (error) {
    outcome = client.aborted ? new ClientGone() : error;
    yield* form.error(toApiError(error));
  } finally {
    // Where one failed, the others are broken off.
    leave.abort();
    // A part that never began gives its place up here.
    for (const { ticket } of asked) ticket.leave();
    for (const part of parts) await part.return(undefined);
    release();
    ended(outcome);
  }
}

/** What several give, as it comes. @throws what the first throws that fails. */
async function* merged<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const pull = async (at: number): Promise<{ at: number; next: IteratorResult<T, unknown> }> => ({
    at,
    next: await sources[at]!.next(),
  });
  const coming = new Map(sources.map((_, at) => [at, pull(at)]));
  while (coming.size > 0) {
    const { at, next } = await Promise.race(coming.values());
    coming.delete(at);
    if (next.done === true) continue;
    yield next.value;
    coming.set(at, pull(at));
  }
}

interface PartSettings {
  readonly form: StreamForm;
  readonly at: number;
  readonly client: AbortSignal;
  readonly beatMs: number;
  readonly done: (answered: Answered) => void;
}

/**
 * The events of one prompt. The text is what all candidates that can still be chosen begin with, so that nothing is ever taken back;
 * the rest comes once the choice is made.
 */
async function* partOf(
  answering: Answering,
  asked: AskedOne,
  { form, at, client, beatMs, done }: PartSettings,
): AsyncGenerator<Frame> {
  const { bestOf, limits, tellsEvents } = asked.question;
  const gathering = answering.gather(asked);
  const standing = candidates(bestOf, limits.stop);
  const events = answering.events(asked, { gathering, client, progress: true });
  let sent = "";
  for await (const event of beating(events, beatMs)) {
    if (event !== undefined) standing.take(event);
    if (event?.kind === "chosen") continue;
    // Some tokenizers take back a space before a sign.
    const text = standing.commonPrefix.trimEnd();
    if (text.length > sent.length) {
      yield* form.text(text.slice(sent.length), at);
      sent = text;
    } else if (event === undefined || (tellsEvents && event.kind !== "drawn"))
      yield* form.beat(tellsEvents ? progressOf(standing) : undefined, at);
  }
  const answered = await gathering.answered(sent);
  done(answered);
  yield* form.end(answered, answered.best[0]!.response.text.slice(sent.length), at);
}

function progressOf({ drawing, finished, dropped, tokens, leader }: Candidates): object {
  return {
    ...{ drawing, finished, dropped, tokens },
    ...(leader && { leader: { index: leader.index, score: leader.score } }),
  };
}

/** Values as they come, and undefined whenever none has come for so long. */
async function* beating<T>(values: AsyncGenerator<T>, ms: number): AsyncGenerator<T | undefined> {
  let next = values.next();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const beat = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
      const result = await Promise.race([next, beat]);
      clearTimeout(timer);
      if (result === undefined) {
        yield undefined;
        continue;
      }
      if (result.done === true) return;
      yield result.value;
      next = values.next();
    }
  } finally {
    next.catch(() => undefined);
    await values.return(undefined);
  }
}
