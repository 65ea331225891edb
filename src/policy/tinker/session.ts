import { z } from "zod";
import { ServerError } from "../../core/errors.js";
import { Refusal, type TinkerConnection } from "./connection.js";
import { inParts, lengthOf } from "./parts.js";
import { asked, told } from "./replies.js";
import { readPass, writePass, type WirePass, type WireSequence } from "./wire.js";

const HEARTBEAT_MS = 10_000;

/** What an adapter is asked to be; a server may choose otherwise, and is then refused. */
export interface AdapterShape {
  readonly rank: number;
  readonly alpha: number;
  /** The last parts of the linears' names. */
  readonly targets: readonly string[];
  readonly seed: number;
}

/** What a server tells of itself. */
export interface ServerTold {
  /** Whether it is whetstone's own worker, which takes α and targets as they are asked for. */
  readonly own: boolean;
}

const capabilities = z.looseObject({
  supported_models: z.array(z.looseObject({ model_name: z.string().nullish() })),
  whetstone: z.looseObject({}).nullish(),
});
const opened = z.looseObject({ session_id: z.string() });
const created = z.looseObject({ model_id: z.string(), request_id: z.string() });
const path = z.looseObject({ path: z.string() });
const stepped = z.looseObject({ metrics: z.record(z.string(), z.unknown()).nullish() });

/** A step of AdamW. */
export interface AdamStep {
  readonly rate: number;
  /** Decoupled. Default 0. */
  readonly weightDecay?: number;
  /** Joint gradient norm at most this. Default Infinity: no clip. */
  readonly clipNorm?: number;
  /** What the root of the second moment is added to. Default 1e-8. */
  readonly epsilon?: number;
}

/** What a server does otherwise than the protocol says, as it was measured. */
export interface ServerHabits {
  /** Whether it divides each sequence's loss by its tokens, and the gradient by the sequences since the last step, in place of summing. */
  readonly averages: boolean;
  /** Whether a new adapter takes over what was gathered for an earlier one that was freed without a step. */
  readonly leavesGradients: boolean;
  /** Whether it clips gradients as it is asked to; undefined where that was not measured. */
  readonly clips?: boolean;
  /** Linears of a layer that have one A together: an exported adapter has it several times. */
  readonly shared: readonly (readonly string[])[];
}

const AS_THE_PROTOCOL_SAYS: ServerHabits = { averages: false, leavesGradients: false, shared: [] };

/** A session on a server: kept alive by heartbeats until it is closed. */
export class TinkerSession {
  /** As the protocol has it, unless it was found to be otherwise. */
  habits = AS_THE_PROTOCOL_SAYS;
  readonly #beat: NodeJS.Timeout;
  #models = 0;
  #names = 0;

  private constructor(
    readonly connection: TinkerConnection,
    readonly id: string,
    readonly base: string,
    readonly told: ServerTold,
  ) {
    this.#beat = setInterval(() => {
      // A beat that is lost is followed by another.
      connection
        .post("session_heartbeat", { session_id: id, type: "session_heartbeat" })
        .catch(() => undefined);
    }, HEARTBEAT_MS);
    this.#beat.unref();
  }

  /**
   * @param base the model's name on the server; absent: the one model that it has.
   * @throws ServerError where it cannot be reached, or trains another model.
   */
  static async open(connection: TinkerConnection, base?: string): Promise<TinkerSession> {
    const parsed = capabilities.safeParse(await connection.get("get_server_capabilities"));
    if (!parsed.success)
      throw new ServerError(`What listens at ${connection.url} is no trainer that speaks Tinker's protocol.`);
    const models = parsed.data.supported_models.flatMap(({ model_name: name }) => (name ? [name] : []));
    const last = (name: string): string => name.replace(/\/+$/, "").split("/").at(-1)!;
    const same =
      models.find((name) => name === base) ?? models.find((name) => base && last(name) === last(base));
    const chosen = same ?? (models.length === 1 ? models[0] : undefined);
    if (chosen === undefined) {
      throw new ServerError(
        `The trainer at ${connection.url} has ${models.length === 0 ? "no model" : models.join(", ")}, not ${base ?? "one alone"}.`,
      );
    }
    const body = { tags: [], user_metadata: null, sdk_version: "0.25.0", type: "create_session" };
    const { session_id: id } = told(opened, await connection.post("create_session", body), connection);
    return new TinkerSession(connection, id, chosen, { own: parsed.data.whetstone != null });
  }

  close(): void {
    clearInterval(this.#beat);
  }

  /** A name that no other checkpoint of this session has. */
  name(): string {
    return `${this.id.replace(/[^\w-]/g, "").slice(-12)}-${this.#names++}`;
  }

  /** Starts an adapter that changes nothing yet, and has gathered nothing. */
  async createToTrain(shape: AdapterShape): Promise<TinkerModel> {
    if (this.habits.leavesGradients) {
      // The server gives the same place again; a step at rate 0 empties it, and what the step did to the optimizer is freed with it.
      const emptied = await this.create(shape);
      await emptied.step({ rate: 0 });
      await emptied.unload();
    }
    return this.create(shape);
  }

  /** Starts an adapter that changes nothing yet, to draw from and score with. */
  async create({ rank, alpha, targets, seed }: AdapterShape): Promise<TinkerModel> {
    const among = (...names: readonly string[]): boolean => names.some((name) => targets.includes(name));
    const lora = {
      rank,
      seed: seed % 2 ** 31,
      train_attn: among("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"),
      train_mlp: among("gate_proj", "up_proj", "down_proj", "gate_up_proj"),
      train_unembed: false,
      ...(this.told.own && { alpha, target_modules: targets }),
    };
    const body = {
      session_id: this.id,
      model_seq_id: this.#models++,
      base_model: this.base,
      lora_config: lora,
      type: "create_model",
    };
    const reply = told(created, await this.connection.post("create_model", body), this.connection);
    await this.connection.result(reply.request_id);
    return new TinkerModel(this, reply.model_id);
  }
}

/** An adapter on a server. Its requests are numbered, so that one that is sent again is done once. */
export class TinkerModel {
  #sequence = 0;
  /** What was sent since the last step to a server that averages, and how many sequences it has counted. */
  #gathered: { readonly sequences: WireSequence[]; counted: number } = { sequences: [], counted: 0 };

  constructor(
    readonly session: TinkerSession,
    readonly id: string,
  ) {}

  /** A pass over sequences, in as many requests as their tokens need. @returns log π of the responses' tokens. */
  async pass(
    sequences: readonly WireSequence[],
    { forwardOnly }: Pick<WirePass, "forwardOnly">,
  ): Promise<number[][]> {
    if (forwardOnly || !this.session.habits.averages) return this.#send(sequences, forwardOnly);
    // The server's sum is `counted` times the gradient. What came before is sent again with the part that the higher count takes from it.
    const before = this.#gathered.sequences;
    const more = before.length + sequences.length;
    const counted = this.#gathered.counted + more;
    const scales = [...before.map(() => more), ...sequences.map(() => counted)];
    this.#gathered = { sequences: [...before, ...sequences], counted };
    return (await this.#send(this.#gathered.sequences, false, scales)).slice(before.length);
  }

  async #send(
    sequences: readonly WireSequence[],
    forwardOnly: boolean,
    scales?: readonly number[],
  ): Promise<number[][]> {
    const { connection } = this.session;
    const rows: number[][] = [];
    for (const part of inParts(sequences)) {
      const own = scales?.slice(rows.length, rows.length + part.length);
      const sequence = ++this.#sequence;
      const body = writePass({ modelId: this.id, sequence, forwardOnly, sequences: part, scales: own });
      const sent = await connection.post("forward_backward", body);
      const { request_id: request } = told(asked, sent, connection);
      const reply = await connection.result(request);
      const scored = "bytes" in reply ? readPass(reply.bytes) : [];
      if (scored.length !== part.length || scored.some((row, i) => row.length < lengthOf(part[i]!) - 1)) {
        throw new ServerError(
          `The trainer at ${connection.url} gave no log-probabilities of ${part.length} sequences.`,
        );
      }
      part.forEach(({ prompt, response }, i) =>
        rows.push(scored[i]!.slice(prompt.length - 1, prompt.length - 1 + response.length)),
      );
    }
    return rows;
  }

  /**
   * A step along what the passes gathered.
   * @returns the gradient's norm before clipping: undefined where the server tells none, NaN where it refused a gradient that is not
   * finite. @throws Refusal where the server refuses the step.
   */
  async step({
    rate,
    weightDecay = 0,
    clipNorm = Infinity,
    epsilon = 1e-8,
  }: AdamStep): Promise<number | undefined> {
    this.#gathered = { sequences: [], counted: 0 };
    const adam = {
      ...{ learning_rate: rate, beta1: 0.9, beta2: 0.999, eps: epsilon, weight_decay: weightDecay },
      // 0: no clip.
      grad_clip_norm: Number.isFinite(clipNorm) ? clipNorm : 0,
    };
    try {
      const { metrics } = told(
        stepped,
        await this.#ask("optim_step", { adam_params: adam }),
        this.session.connection,
      );
      const norm = Object.entries(metrics ?? {}).find(([name]) => /grad(ient)?_norm$/.test(name))?.[1];
      return typeof norm === "number" ? norm : undefined;
    } catch (error) {
      if (error instanceof Refusal && /not finite/.test(error.said)) return NaN;
      throw error;
    }
  }

  /** @returns `tinker://…`, from which another model goes on. */
  save(name: string): Promise<string> {
    return this.#saveAs("save_weights", name);
  }

  /** Only before anything else is asked of the model. */
  async load(weights: string, optimizer: boolean): Promise<void> {
    await this.#ask("load_weights", { path: weights, optimizer });
  }

  /** @returns the path that samples are asked of, and under which `archive` is. */
  saveForSampler(name: string): Promise<string> {
    return this.#saveAs("save_weights_for_sampler", name);
  }

  /** Some servers refuse a name that they have, and so a request that is sent again because its reply was lost: it gets another name. */
  async #saveAs(route: string, name: string): Promise<string> {
    const save = async (as: string): Promise<string> =>
      told(path, await this.#ask(route, { path: as }), this.session.connection).path;
    try {
      return await save(name);
    } catch (error) {
      if (error instanceof Refusal && error.status === 409) return save(`${name}-again`);
      throw error;
    }
  }

  /** PEFT's two files of what `saveForSampler` saved there, as a gzipped tar archive. */
  archive(saved: string): Promise<Uint8Array> {
    const name = saved.split("/").at(-1)!;
    return this.session.connection.download(`training_runs/${this.id}/checkpoints/${name}/archive`);
  }

  /** Frees it on the server; one that the server has lost already is no error. */
  async unload(): Promise<void> {
    try {
      await this.#ask("unload_model", {});
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 404) throw error;
    }
  }

  async #ask(route: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { connection } = this.session;
    const body = { model_id: this.id, seq_id: ++this.#sequence, type: route, ...fields };
    const { request_id: request } = told(asked, await connection.post(route, body), connection);
    const reply = await connection.result(request);
    return "json" in reply ? reply.json : {};
  }
}
