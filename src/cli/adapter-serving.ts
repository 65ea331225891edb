import { existsSync, readdirSync, renameSync } from "node:fs";
import { resolve } from "node:path";
import { modelFolder } from "../policy/model-folder.js";
import { baseUrls } from "../policy/remote/base-urls.js";
import type { ServedAdapter } from "../policy/remote/lora-routes.js";
import type { ConnectedTrainer } from "../policy/tinker/connect-trainer.js";
import type { Trainers } from "../policy/trainer.js";
import { onServers, type Serving } from "../sharpen/served-adapters.js";
import { loadAdapter } from "../transformer/format/peft.js";
import { writeMerged } from "../transformer/merge.js";
import { loadModel } from "../transformer/model.js";
import type { Context } from "./context.js";
import { serversOf, type RemoteModel } from "./remote.js";

/** What adapters are served by, as the command line says it. */
export interface AdapterServing extends Pick<Serving, "measured" | "maxTokens"> {
  readonly remote: RemoteModel;
  /** As `--server-adapters` names it. */
  readonly shared: string;
  /** As `--base-url` lists them: servers of one adapter alone stand there under its name. */
  readonly urls: string | undefined;
  /** The trainer's model, as it is named. */
  readonly base: string | undefined;
  /** The name of the policy that draws. */
  readonly name: string;
}

/** A trainer whose adapters are drawn from on the servers. */
export function servedTrainers(
  trainer: ConnectedTrainer,
  { remote, shared, urls, base, name, measured, maxTokens }: AdapterServing,
  context: Context,
): Trainers {
  return onServers(trainer.trainers, {
    servers: (model) => ({
      ...serversOf(remote, context),
      model,
      ...(urls !== undefined && { baseUrls: baseUrls(urls, model) }),
    }),
    shared: resolve(shared),
    base: () => trainer.basePolicy(name),
    endTokens: trainer.endTokens,
    measured,
    maxTokens,
    unserved: (adapter, folder) => tellHowToServe(adapter, folder, base, context),
    note: (text) => context.note(text),
  });
}

/** Says how an adapter is served by hand: beside its base, or merged with it where the base's weights are on this machine. */
async function tellHowToServe(
  { name, path }: ServedAdapter,
  folder: string,
  base: string | undefined,
  context: Context,
): Promise<void> {
  const adapter = await loadAdapter(folder);
  context.note(
    `Start the servers anew with the adapter: vllm serve ${base ?? "<base>"} --enable-lora --max-lora-rank ${adapter.rank} --lora-modules ${name}=${path}`,
  );
  const place = base === undefined ? undefined : modelFolder(base);
  if (place === undefined || !hasWeights(place)) return;
  const merged = `${path}-merged`;
  if (!existsSync(merged)) {
    await writeMerged(`${merged}.partial`, await loadModel(place, { whole: true }), adapter);
    renameSync(`${merged}.partial`, merged);
  }
  context.note(
    `Or serve it merged with its base, beside the servers of the base: vllm serve ${merged} --served-model-name ${name}, ` +
      `and add its URL to --base-url as ${name}=<url>.`,
  );
}

/** Whether the weights of a model are here, and not its tokenizer and configuration alone. */
function hasWeights(place: string): boolean {
  return place.endsWith(".gguf") || readdirSync(place).some((file) => file.endsWith(".safetensors"));
}
