import { join, resolve } from "node:path";
import { UsageError } from "../core/errors.js";
import { cacheFolder } from "../core/cache-folder.js";
import { modelFolder } from "../policy/model-folder.js";
import type { Policy } from "../policy/policy.js";
import { keyFromEnvironment } from "../policy/remote/api-key.js";
import { scoredBy } from "../policy/scored-by.js";
import type { ConnectedTrainer, TrainerPlace } from "../policy/tinker/connect-trainer.js";
import type { Executor } from "../policy/worker/executor.js";
import type { StartedWorker } from "../policy/worker/launch.js";
import type { Trainers } from "../policy/trainer.js";
import type { Run } from "../run/run.js";
import { checkSameModel } from "../sharpen/compare-base.js";
import type { Serving } from "../sharpen/served-adapters.js";
import type { SharpenOptions } from "../sharpen/sharpen-task.js";
import type { Context } from "./context.js";
import type { TRAINER, Values } from "./options.js";
import type { RemoteModel } from "./remote.js";

const KEYS = ["WHETSTONE_TRAINER_KEY", "TINKER_API_KEY"] as const;
const RAY_KEYS = ["RAY_AUTH_TOKEN"] as const;
/** Minutes after which a worker ends whose whetstone is gone. */
const IDLE_MINUTES = 10;

/** What a command was told of its trainer. */
export type TrainerValues = Values<(typeof TRAINER)[number]>;

/** What a trainer is opened for. */
interface TrainerFor {
  readonly run: Run;
  /** The folder of the model, where it is on this machine. */
  readonly local: string | undefined;
  /** Threads of a worker on this machine. */
  readonly threads?: number | undefined;
}

/**
 * Connects to the trainer that the command line names, starting its worker where that is asked for; undefined where it names none.
 * @throws UsageError for what is no trainer, or without a base; ServerError where it does not answer.
 */
export async function openTrainer(
  values: TrainerValues,
  { run, local, threads }: TrainerFor,
  context: Context,
): Promise<ConnectedTrainer | undefined> {
  const { trainer, base } = values;
  if (trainer === undefined) {
    if (base !== undefined)
      throw new UsageError("--base is the model of a trainer; name one with --trainer.");
    return undefined;
  }
  const folder = base === undefined ? local : modelFolder(base);
  if (folder === undefined)
    throw new UsageError(
      "A trainer needs the model's tokenizer: name the model that the server has with --base, as an id, a folder or a file.",
    );
  const { connectTrainer } = await import("../policy/tinker/connect-trainer.js");
  const connect = (place: Pick<TrainerPlace, "url" | "key" | "over">): Promise<ConnectedTrainer> =>
    connectTrainer({
      ...place,
      base: folder,
      ...(base !== undefined && { model: base }),
      signal: context.signal,
    });
  const server = /^tinker\+(https?:\/\/.+)$/.exec(trainer)?.[1];
  if (server !== undefined) {
    const connected = await connect({ url: server, key: keyFromEnvironment(process.env, KEYS) });
    context.note(connected.summary);
    return connected;
  }
  const worker = await startedWorker(trainer, folder, values, { run, threads }, context);
  try {
    const connected = await connect(worker);
    context.note(connected.summary);
    return {
      ...connected,
      close: async () => {
        try {
          await connected.close();
        } finally {
          await worker.end();
        }
      },
    };
  } catch (error) {
    await worker.end();
    throw error;
  }
}

/** Starts the worker where the word says: this machine, Ray, Slurm. @throws UsageError for another word. */
async function startedWorker(
  trainer: string,
  folder: string,
  values: TrainerValues,
  { run, threads }: Pick<TrainerFor, "run" | "threads">,
  context: Context,
): Promise<StartedWorker> {
  const { base, trainerPython: python = "python3", trainerGpus: gpus = 0, trainerState } = values;
  const here = trainer === "worker";
  const executor = await executorOf(trainer);
  const { launchWorker } = await import("../policy/worker/launch.js");
  context.note(`Starting the worker on ${executor.name}.`);
  return launchWorker({
    executor,
    identity: [resolve(run.dir), run.manifest.createdAt, base ?? folder, python, `${gpus}`],
    record: join(run.dir, "trainer-job.json"),
    // Elsewhere an id is looked up there; a path is taken to be the same on both sides.
    base: here || base === undefined || folder === resolve(base) ? folder : base,
    python,
    gpus,
    state: trainerState ?? (here ? join(cacheFolder(), "trainer-state") : "~/.cache/whetstone/trainer-state"),
    threads: here ? threads : undefined,
    listen: here ? "127.0.0.1:0" : "0.0.0.0:0",
    idle: IDLE_MINUTES,
    signal: context.signal,
    note: (text) => context.note(text),
  });
}

async function executorOf(trainer: string): Promise<Executor> {
  if (trainer === "worker") {
    const { localExecutor } = await import("../policy/worker/local-executor.js");
    return localExecutor(join(cacheFolder(), "workers"));
  }
  const [, scheme, rest] = /^(ray|ray\+https?|slurm):\/\/(.+)$/.exec(trainer) ?? [];
  if (scheme === "slurm") {
    const { slurmExecutor } = await import("../policy/worker/slurm-executor.js");
    return slurmExecutor({ target: rest!, folder: "whetstone-jobs" });
  }
  if (scheme !== undefined) {
    const [{ rayExecutor }, { dispatcherFor }] = await Promise.all([
      import("../policy/worker/ray-executor.js"),
      import("../policy/remote/transport.js"),
    ]);
    const url = `${scheme === "ray+https" ? "https" : "http"}://${rest!.replace(/\/+$/, "")}`;
    return rayExecutor({ url, key: keyFromEnvironment(process.env, RAY_KEYS), dispatcher: dispatcherFor() });
  }
  throw new UsageError(
    `There is no trainer "${trainer}"; use worker, tinker+http://host:port, ray://host:8265, or slurm://user@host.`,
  );
}

/** The policy that draws, scored by the trainer's base where it cannot score itself. */
export async function withTrainer(policy: Policy, trainer: ConnectedTrainer | undefined): Promise<Policy> {
  if (trainer === undefined || policy.served === undefined) return policy;
  return scoredBy(policy, {
    policy: await trainer.basePolicy(policy.name),
    endTokens: trainer.endTokens,
  });
}

/** What drew, and how. */
interface Drawer {
  readonly policy: Policy;
  /** Absent for a model on this machine. */
  readonly remote?: RemoteModel | undefined;
  readonly maxTokens: number;
}

/**
 * What sharpening is told of a trainer: who it is, and that it must have the model that drew.
 * @throws UsageError where adapters are to be served by a model that is not.
 */
export async function trainedElsewhere(
  trainer: ConnectedTrainer,
  { policy, remote, maxTokens }: Drawer,
  values: TrainerValues & { readonly baseUrl?: string | undefined },
  context: Context,
): Promise<Pick<NonNullable<SharpenOptions["amortize"]>, "trainers" | "before">> {
  const { serverAdapters, trainerTolerance } = values;
  let measured: ReturnType<Serving["measured"]> = { prompts: [], noise: 0 };
  let trainers: Trainers = trainer.trainers;
  if (serverAdapters !== undefined) {
    if (remote === undefined)
      throw new UsageError("--server-adapters is for a model behind servers; leave it out.");
    const { servedTrainers } = await import("./adapter-serving.js");
    const { base, baseUrl: urls } = values;
    const serving = { remote, shared: serverAdapters, urls, base, name: policy.name, maxTokens };
    trainers = servedTrainers(trainer, { ...serving, measured: () => measured }, context);
  }
  return {
    trainers,
    before: async (pools) => {
      // A served policy scores on the trainer already; a local one on this machine.
      const base = policy.served ? undefined : await trainer.basePolicy(policy.name);
      try {
        const { sentence, mean } = await checkSameModel(base ?? policy, pools, trainerTolerance);
        context.note(sentence);
        measured = { prompts: pools.map(({ prompt }) => prompt), noise: mean };
      } finally {
        await base?.dispose();
      }
    },
  };
}
