import type { Hono } from "hono";
import { z } from "zod";
import type { RaceFrame, RaceSettings } from "../page/race/frames.js";
import { jsonBody, type AnswerSettings } from "./answer-routes.js";
import type { Answering, AskedOne } from "./answering.js";
import { schemaError, toApiError } from "./api-error.js";
import { promptOfChat } from "./chat-request.js";
import { promptsOfCompletion } from "./completion-request.js";
import { eventStream } from "./event-stream.js";
import { COMMON, maybe } from "./fields.js";
import { inBatches } from "./pace.js";
import { questionOf, type Question } from "./question.js";
import { chosenFrame, RaceTeller } from "./race-frames.js";
import type { Frame } from "./reply.js";
import { ClientGone, type Noted, type RequestNote } from "./request-log.js";
import { ableRewards } from "./served-model.js";

/** The body of a request to /api/race. */
export const raceSchema = z.strictObject({
  prompt: z.string("must be a text"),
  best_of: COMMON.best_of,
  temperature: COMMON.temperature,
  seed: COMMON.seed,
  max_tokens: COMMON.max_tokens,
  reward: maybe(z.string().max(200)),
  answer: maybe(z.string().max(1000)),
  early_stop: maybe(z.boolean()),
});

/** Milliseconds between batches of frames: thirty a second. */
const BATCH_MS = 1000 / 30;

/** Puzzles that the embedded model was never trained on. */
export const RACE_EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  game24: ["4 9 10 13 = 24 :", "1 4 8 8 = 24 :", "5 6 7 12 = 24 :"],
};

/** What the page of the race begins with. */
export function raceSettings(
  { model, defaults, mostBestOf }: Pick<AnswerSettings, "model" | "defaults" | "mostBestOf">,
  { needsKey, runs }: Pick<RaceSettings, "needsKey" | "runs">,
): RaceSettings {
  const able = ableRewards(model.policy, defaults.reward);
  return {
    ...{ model: model.id, bestOf: defaults.bestOf, mostBestOf, reward: defaults.reward.name, needsKey, runs },
    rewards: able.map(({ name, description }) => ({ name, description })),
    examples: RACE_EXAMPLES[model.id] ?? [],
  };
}

/** Adds `POST /api/race`: a question whose candidates are shown as they are drawn. */
export function addRaceRoute(app: Hono<Noted>, settings: AnswerSettings): void {
  const { answering, model } = settings;
  app.post("/api/race", async (context) => {
    const { note } = context.var;
    const parsed = raceSchema.safeParse(await jsonBody(context));
    if (!parsed.success) throw schemaError(parsed.error);
    const { prompt: text, max_tokens: maxTokens, reward, answer, early_stop, ...rest } = parsed.data;
    const prompt =
      model.takes === "text"
        ? promptsOfCompletion({ model: model.id, prompt: text }, model)[0]!
        : promptOfChat({ messages: [{ role: "user", content: text }] }, model);
    const fields = { model: model.id, ...rest, whetstone: { reward, answer, early_stop } };
    const headers = { bestOf: undefined, reward: undefined };
    const question = questionOf(fields, prompt, { maxTokens, logProbs: undefined, headers }, settings);
    note.asked([question], true);
    const [asked] = await answering.ask([question]);
    return eventStream(context.req.raw.signal, (client) =>
      framesOf(asked!, { answering, model, client, note }),
    );
  });
}

interface Around extends Pick<AnswerSettings, "answering" | "model"> {
  readonly client: AbortSignal;
  readonly note: Pick<RequestNote, "answered" | "streams">;
}

async function* framesOf(asked: AskedOne, { answering, model, client, note }: Around): AsyncGenerator<Frame> {
  const ended = note.streams();
  let outcome: unknown = new ClientGone();
  const gathering = answering.gather(asked);
  try {
    yield framed({ kind: "start", ...startOf(asked.question, asked.maxTokens) });
    for await (const batch of inBatches(raceOf(answering, asked, gathering, client), BATCH_MS))
      yield* batch.map(framed);
    const answered = await gathering.answered();
    note.answered([answered]);
    const others = ableRewards(model.policy, asked.question.reward);
    yield framed({ kind: "chosen", ...(await chosenFrame(answered, model.policy, others)) });
    outcome = undefined;
  } catch (error) {
    outcome = client.aborted ? new ClientGone() : error;
    yield framed({ kind: "error", message: toApiError(error).message });
  } finally {
    // Who went before anything was drawn gives the place up here.
    asked.ticket.leave();
    ended(outcome);
  }
}

function startOf({ reward, bestOf, temperature, seed }: Question, maxTokens: number) {
  return { reward: reward.name, best_of: bestOf, temperature, seed, max_tokens: maxTokens };
}

async function* raceOf(
  answering: Answering,
  asked: AskedOne,
  gathering: ReturnType<Answering["gather"]>,
  client: AbortSignal,
): AsyncGenerator<RaceFrame> {
  const teller = new RaceTeller(asked.question, asked.maxTokens);
  for await (const event of answering.events(asked, { gathering, client, progress: true }))
    yield* teller.frames(event);
}

const framed = ({ kind, ...data }: RaceFrame): Frame => ({ event: kind, data });
