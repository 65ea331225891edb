import { resolve } from "node:path";
import { RunError, UsageError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import { tryDevices } from "../policy/device-trial.js";
import { LocalPolicy, type LocalPolicyOptions } from "../policy/local-policy.js";
import { embeddedModels, modelFolder, modelName } from "../policy/model-folder.js";
import type { Policy } from "../policy/policy.js";
import { sourceOf, type RunModel, type RunTask } from "../run/config.js";
import { findPart } from "../run/parts.js";
import type { RunReader } from "../run/read-run.js";
import { findGrader } from "../task/graders.js";
import { isPromptFile } from "../task/prompt-files.js";
import { isTaskModule, taskEntry, findTask, taskPath, type TaskOptions } from "../task/registry.js";
import type { Task } from "../task/task.js";
import type { PromptForm } from "../task/prompt-form.js";
import type { LoadOptions } from "../transformer/model.js";
import { loadChatTemplate } from "../transformer/text/chat-template.js";
import type { Context } from "./context.js";
import type { KvCacheType } from "../transformer/decode/cache-inputs.js";
import type { DeviceChoice } from "./quantize.js";
import { connectRemote, remoteModel, takes, type RemoteModel, type RemoteValues } from "./remote.js";

/** A task, and where its prompts were found, an absolute path; absent for what comes with the package. */
export interface OpenedTask {
  readonly task: Task;
  readonly path?: string;
  /** How the prompts are given to a model that takes conversations; absent where it takes text alone, or the task has text alone. */
  readonly form?: RunTask["form"];
}

/** What prompts are to a model that is not loaded yet. @throws ModelError for a template that is malformed. */
export async function promptsOf({
  folder,
  remote,
}: Pick<ModelSource, "folder" | "remote">): Promise<PromptForm["takes"]> {
  if (remote) return takes(remote.api);
  return folder !== undefined && (await loadChatTemplate(folder)) ? "both" : "text";
}

/**
 * The task of a name or path. What comes from a file, a user's or of a public data set, is a conversation to a model that takes
 * conversations, unless it is asked for raw.
 * @param taken what prompts are to the model, as `promptsOf` tells.
 * @throws as `findTask` and `loadChatTemplate`.
 */
export async function openTask(
  name: string,
  options: TaskOptions,
  taken: PromptForm["takes"] = "text",
): Promise<OpenedTask> {
  if (isTaskModule(name)) return { task: await findTask(name, options), path: resolve(name) };
  const isFile = taskEntry(name) === undefined && isPromptFile(name);
  const path = isFile || taskEntry(name)?.data ? taskPath(name, options.data) : undefined;
  if (path === undefined) return { task: await findTask(name, options) };
  const task = await findTask(name, {
    ...options,
    ...(!isFile && { data: path }),
    takes: taken,
  });
  const form = options.raw ? "raw" : "chat";
  return { task, path: resolve(path), ...(taken !== "text" && { form }) };
}

/** How a model on this machine is held. */
export type Holding = Pick<RunModel, "quantize" | "exactChoice" | "kvCache" | "maxLength" | "device">;

/** The same of options, or of anything else that has these fields. The CPU is what is meant where no device is named. */
export const holdingOf = ({
  quantize,
  exactChoice,
  kvCache,
  maxLength,
  device,
}: {
  readonly [name in keyof Omit<Holding, "device" | "exactChoice" | "kvCache">]?: Holding[name] | undefined;
} & {
  readonly device?: DeviceChoice | undefined;
  readonly exactChoice?: boolean | undefined;
  readonly kvCache?: KvCacheType | undefined;
}): Holding => ({
  ...(quantize !== undefined && { quantize }),
  ...(exactChoice && { exactChoice }),
  ...(kvCache === "float16" && { kvCache }),
  ...(maxLength !== undefined && { maxLength }),
  ...(device !== undefined && device !== "cpu" && device !== "auto" && { device }),
});

/** A model to load: where it lies, its name, and whether it came with the package. */
export interface ModelSource extends Holding {
  /** A folder of Hugging Face layout, or a .gguf file; absent for a model behind servers. */
  readonly folder?: string;
  readonly name: string;
  /** Absolute, or the servers' URLs; absent for an embedded model. */
  readonly path?: string;
  readonly remote?: RemoteModel;
  /** Whether a trial is to find what computes it: `settled` has it made. */
  readonly auto?: true;
}

/** A model on this machine. */
export type LocalSource = ModelSource & { readonly folder: string };

/** @throws UsageError if there is no such model. */
export function modelSource(name: string): LocalSource {
  const folder = modelFolder(name);
  if (embeddedModels().includes(name)) return { folder, name };
  return { folder, name: modelName(name), path: folder };
}

/** A model on this machine, held and computed as is asked for. @throws UsageError if there is no such model. */
export function heldSource(name: string, values: Parameters<typeof holdingOf>[0]): LocalSource {
  return { ...modelSource(name), ...holdingOf(values), ...(values.device === "auto" && { auto: true }) };
}

/**
 * A model on this machine, or behind servers.
 * @throws UsageError as `modelSource` and `remoteModel`, and for a model of servers that is to be held in some way.
 */
export async function policySource(
  name: string,
  values: RemoteValues & Parameters<typeof holdingOf>[0] & { readonly raw?: boolean },
): Promise<ModelSource> {
  const remote = await remoteModel(name, values);
  if (remote === undefined) return heldSource(name, values);
  const path = remote.baseUrls.join(",");
  const auto = values.device === "auto" ? ["device"] : [];
  const [asked] = [...Object.keys(holdingOf(values)), ...auto] as (keyof Holding)[];
  if (asked === undefined) return { name, remote, ...(path !== "" && { path }) };
  const flags = {
    ...{
      quantize: "--quantize",
      exactChoice: "--exact-choice",
      kvCache: "--kv-cache",
      maxLength: "--max-length",
      device: "--device",
    },
  } satisfies Record<keyof Holding, string>;
  throw new UsageError(
    `${flags[asked]} is for a model on this machine: how ${name} is held and computed is its server's business.`,
  );
}

/**
 * The source with its device found, where that was left to a trial.
 * @param machine what of this machine the run is to use: it is tried so.
 * @param recorded what computed the run that is to go on, which goes on so; absent: there is none.
 */
export async function settled(
  { auto, ...source }: ModelSource,
  machine: Machine,
  context: Context,
  recorded?: Pick<RunModel, "device">,
): Promise<ModelSource> {
  if (!auto) return source;
  if (recorded) return { ...source, ...holdingOf({ ...source, device: recorded.device }) };
  const { folder, name: _, path: __, remote: ___, ...held } = source;
  const options = { ...held, ...useOf(machine) };
  const { device, sentence } = await tryDevices(folder!, options, () => context.now());
  context.note(sentence);
  return { ...source, ...holdingOf({ ...source, device }) };
}

/** That a model is kept as it is stored, whoever has chosen so. */
export function keptBy({ can }: Policy): { readonly quantize?: "keep" } {
  return can.quantization === "keep" ? { quantize: "keep" } : {};
}

/** A model as a run's manifest names it: where it lies, how it is held and what computes it, and what its servers were found to do. */
export function recordedModel(policy: Policy, source: ModelSource): RunModel {
  const { name, digest, served } = policy;
  return {
    ...sourceOf(name, digest, source.path),
    ...holdingOf(source),
    ...keptBy(policy),
    ...(served && { server: served.settings }),
  };
}

/** What of this machine may be used. */
export interface Machine {
  readonly threads?: number | undefined;
  /** Gigabytes of memory. */
  readonly memory?: number | undefined;
  readonly checkpointing?: boolean | undefined;
}

/** The same for the library. */
function useOf({
  threads,
  memory,
  checkpointing,
}: Machine): Pick<LocalPolicyOptions, "threads" | "memory" | "checkpointing"> {
  return {
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memory: memory * 1e9 }),
    ...(checkpointing !== undefined && { checkpointing }),
  };
}

/** How a model is to be held, of all that can be asked for: in float32 for certain too. */
type Held<T extends ModelSource> = Omit<T, "quantize"> & { readonly quantize?: LoadOptions["quantize"] };

/** The source as the run that goes on held it, unless it is asked for otherwise. */
export function heldAsBefore(source: ModelSource, before: LoadOptions["quantize"]): Held<ModelSource> {
  return before !== undefined && source.folder !== undefined ? { quantize: before, ...source } : source;
}

/** How a model on this machine answers one request after the other. */
type Serving = Pick<LocalPolicyOptions, "prefixBytes" | "loneRow">;

/** Loads a model; how it is held where float32 does not fit, and that its copy in the cache is made anew is said on stderr. @throws as `LocalPolicy.load`. */
export function loadPolicy(
  { folder, name, quantize, ...held }: Held<LocalSource>,
  machine: Machine,
  serving: Serving = {},
): Promise<LocalPolicy> {
  const notice = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  return LocalPolicy.load(folder, {
    ...{ name, notice, ...serving },
    ...holdingOf(held),
    ...(quantize !== undefined && { quantize }),
    ...useOf(machine),
  });
}

/**
 * Loads a model, or connects to its servers.
 * @param serving what a server has besides, of a model on this machine.
 * @throws as `loadPolicy` and `connectRemote`.
 */
export function openPolicy(
  { folder, remote, ...source }: Held<ModelSource>,
  machine: Machine,
  context: Context,
  serving?: Serving,
): Promise<Policy> {
  if (remote) return connectRemote(remote, context);
  return loadPolicy({ ...source, folder: folder! }, machine, serving);
}

/**
 * The model of a run that is there already, on this machine.
 * @param moved where it lies now, if not where the run found it.
 * @throws RunError if what is found is another model, or the run was drawn from servers.
 */
export async function policyOfRun(
  run: RunReader,
  moved: string | undefined,
  machine: Machine,
): Promise<LocalPolicy> {
  const { model } = run.manifest;
  if (moved === undefined && model.server !== undefined) {
    throw new RunError(
      `${run.dir} was drawn from servers, and this needs the weights of ${model.name}: train it elsewhere with --trainer, or ` +
        "take what `whetstone sharpen` hands over.",
    );
  }
  const source = sourceOfRun(run, moved);
  const policy = await loadPolicy({ ...source, quantize: "float32", ...holdingOf(model) }, machine);
  return sameModel(run, policy, source.folder);
}

/** Where the model of a run lies on this machine. @param moved if not where the run found it. */
export function sourceOfRun({ manifest: { model } }: RunReader, moved: string | undefined): LocalSource {
  return modelSource(moved ?? model.path ?? model.name);
}

/** The model of a run that was drawn from servers. @param moved their URLs now, if not those of the run. */
export async function remoteOfRun(run: RunReader, moved: string | undefined): Promise<RemoteModel> {
  const { name, path, server } = run.manifest.model;
  const api = server?.["api"];
  const baseUrl = moved ?? path;
  const remote = await remoteModel(name, {
    ...(baseUrl !== undefined && { baseUrl }),
    ...(typeof api === "string" && { api }),
  });
  return remote!;
}

/** Its servers, connected to. @throws as `connectRemote`; RunError where another model answers. */
export async function serversOfRun(
  run: RunReader,
  moved: string | undefined,
  context: Context,
): Promise<Policy> {
  const remote = await remoteOfRun(run, moved);
  return sameModel(run, await connectRemote(remote, context), remote.baseUrls.join(","));
}

async function sameModel<P extends Policy>(
  { dir, manifest }: RunReader,
  policy: P,
  where: string,
): Promise<P> {
  if (policy.digest === manifest.model.digest) return policy;
  await policy.dispose();
  throw new RunError(
    `${where} is not the model that ${dir} was made with: its weights differ; name the right one with --model.`,
  );
}

/**
 * The task of a run that is there already, as it is now: its prompts and labels may have changed.
 * @param moved where its file lies now, if not where the run found it.
 */
export async function taskOfRun(run: RunReader, moved: string | undefined): Promise<Task> {
  const { task: recorded } = run.manifest;
  const isBuiltIn = moved !== undefined && moved === recorded.name && taskEntry(moved) !== undefined;
  const place = isBuiltIn ? recorded.path : (moved ?? recorded.path);
  // A run of a public data set has the task's name and the rows' place; a user's file is its own name.
  const data = taskEntry(recorded.name)?.data && place;
  const name = data ? recorded.name : (place ?? recorded.name);
  const { task } = await openTask(
    name,
    {
      ...(await recordedTaskOptions(run)),
      ...(data !== undefined && { data }),
      // As the run has its prompts, wherever its model is now.
      raw: recorded.form !== "chat",
    },
    "both",
  );
  const { module } = recorded;
  if (module === undefined || moduleOf(task)?.digest === module.digest) return task;
  throw new RunError(
    `${place!} has changed since ${run.dir} was made with it: restore it, or start another run with the changed one.`,
  );
}

async function recordedTaskOptions({ dir, manifest }: RunReader): Promise<TaskOptions> {
  const { grader, orders, rows, ids } = manifest.task;
  return {
    ...(ids && { ids }),
    ...(grader && { grader: await findPart(grader, findGrader, dir) }),
    ...(orders !== undefined && { orders }),
    ...(rows !== undefined && { rows }),
  };
}
