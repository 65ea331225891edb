import { UsageError } from "../../core/errors.js";
import type { ApiKey } from "../remote/api-key.js";
import { dispatcherFor } from "../remote/transport.js";
import type { Policy } from "../policy.js";
import type { Trainers } from "../trainer.js";
import { BaseText } from "./base-text.js";
import { measureHabits } from "./measure-habits.js";
import { TinkerConnection } from "./connection.js";
import { TinkerSession, type ServerHabits } from "./session.js";
import { tinkerBasePolicy, tinkerTrainers, type TinkerAdapter } from "./tinker-trainer.js";

/** A trainer elsewhere, and what it is to train. */
export interface TrainerPlace {
  /** Its server, such as `http://localhost:8300`. */
  readonly url: string;
  /** The base's configuration and tokenizer here: a folder of Hugging Face layout, or a .gguf file. */
  readonly base: string;
  /** The base's name on the server. Default: the one that it has, or the one named as the folder. */
  readonly model?: string | undefined;
  /** Sent as `X-API-Key`. */
  readonly key?: ApiKey | undefined;
  /** Certificates in PEM to trust besides the usual ones. */
  readonly ca?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asked when it does not answer: why it will not any more; undefined where it may. */
  readonly over?: (() => Promise<string | undefined>) | undefined;
}

/** A trainer that answers. */
export interface ConnectedTrainer {
  readonly trainers: Trainers<TinkerAdapter>;
  /** The base itself, drawn from and scored on the trainer. The caller disposes of it. */
  basePolicy(name: string): Promise<Policy & Required<Pick<Policy, "encode">>>;
  /** Whose it is and what it does, in a sentence. */
  readonly summary: string;
  /** The ids that end a response of the base. */
  readonly endTokens: readonly number[];
  close(): Promise<void>;
}

/** What a server does otherwise than the protocol says, in sentences. */
function inWords({ averages, clips, shared }: ServerHabits): string[] {
  const sentences = shared.map((names) => `It trains one A for ${names.join(", ")} together.`);
  if (averages) sentences.unshift("It averages its losses, which is undone by scaled weights.");
  if (clips === false) sentences.push("It does not clip gradients.");
  return sentences;
}

/**
 * Connects to a server that speaks Tinker's protocol (SkyRL, TuFT, OpenRL, Tinker itself, whetstone's own worker), and finds out whether
 * it sums its losses as the protocol says, or averages them in a way that can be undone.
 * @throws ServerError where it cannot be reached, trains another model, or does neither; UsageError for what is no URL; ModelError for the base.
 */
export async function connectTrainer(place: TrainerPlace): Promise<ConnectedTrainer> {
  const { url, key, ca, signal, over } = place;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new UsageError(`"${url}" is no URL of a trainer, such as http://localhost:8300.`);
  const base = await BaseText.open(place.base);
  const dispatcher = dispatcherFor(ca);
  const connection = new TinkerConnection({ url: url.replace(/\/+$/, ""), key, dispatcher, signal, over });
  let session: TinkerSession | undefined;
  const close = async (): Promise<void> => {
    session?.close();
    await dispatcher.close();
  };
  try {
    session = await TinkerSession.open(connection, place.model ?? place.base);
    await measureHabits(session, base);
    const on = { session, base };
    const kind = session.told.own ? "whetstone's worker" : "a server that speaks Tinker's protocol";
    return {
      trainers: tinkerTrainers(on),
      basePolicy: (name) => tinkerBasePolicy(on, name),
      summary: [`Trainer: ${kind} at ${connection.url}, ${session.base}.`, ...inWords(session.habits)].join(
        " ",
      ),
      endTokens: base.config.eosTokenIds,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
