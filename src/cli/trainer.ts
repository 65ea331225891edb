import { UsageError } from "../core/errors.js";
import { modelFolder } from "../policy/model-folder.js";
import type { Policy } from "../policy/policy.js";
import { ApiKey } from "../policy/remote/api-key.js";
import { scoredBy } from "../policy/scored-by.js";
import type { ConnectedTrainer } from "../policy/tinker/connect-trainer.js";
import { checkSameModel } from "../sharpen/compare-base.js";
import type { SharpenOptions } from "../sharpen/sharpen-task.js";
import type { Context } from "./context.js";

const PREFIX = "tinker+";
const KEYS = ["WHETSTONE_TRAINER_KEY", "TINKER_API_KEY"] as const;

/** What a command was told of its trainer. */
export interface TrainerValues {
  readonly trainer?: string | undefined;
  readonly base?: string | undefined;
  readonly ca?: string | undefined;
}

/** @returns the key that the environment has for trainers. */
function trainerKey(environment: NodeJS.ProcessEnv): ApiKey | undefined {
  for (const name of KEYS) {
    const value = environment[name]?.trim();
    if (value) return new ApiKey(value);
  }
  return undefined;
}

/**
 * Connects to the trainer that the command line names; undefined where it names none.
 * @param local the folder of the model, where it is on this machine.
 * @throws UsageError for what is no trainer, or without a base.
 */
export async function openTrainer(
  { trainer, base }: TrainerValues,
  local: string | undefined,
  context: Context,
): Promise<ConnectedTrainer | undefined> {
  if (trainer === undefined) {
    if (base !== undefined)
      throw new UsageError("--base is the model of a trainer; name one with --trainer.");
    return undefined;
  }
  if (!trainer.startsWith(PREFIX))
    throw new UsageError(`There is no trainer "${trainer}"; use ${PREFIX}http://host:port.`);
  const folder = base === undefined ? local : modelFolder(base);
  if (folder === undefined)
    throw new UsageError(
      "A trainer needs the model's tokenizer: name the model that the server has with --base, as an id, a folder or a file.",
    );
  const { connectTrainer } = await import("../policy/tinker/connect-trainer.js");
  const connected = await connectTrainer({
    url: trainer.slice(PREFIX.length),
    base: folder,
    ...(base !== undefined && { model: base }),
    key: trainerKey(process.env),
    signal: context.signal,
  });
  context.note(connected.summary);
  return connected;
}

/** The policy that draws, scored by the trainer's base where it cannot score itself. */
export async function withTrainer(policy: Policy, trainer: ConnectedTrainer | undefined): Promise<Policy> {
  if (trainer === undefined || policy.served === undefined) return policy;
  return scoredBy(policy, {
    policy: await trainer.basePolicy(policy.name),
    endTokens: trainer.endTokens,
  });
}

/** What sharpening is told of a trainer: who it is, and that it must have the model that drew. */
export function trainedElsewhere(
  trainer: ConnectedTrainer,
  policy: Policy,
  { trainerTolerance }: { readonly trainerTolerance?: number | undefined },
  context: Context,
): Pick<NonNullable<SharpenOptions["amortize"]>, "trainers" | "before"> {
  return {
    trainers: trainer.trainers,
    before: async (pools) => {
      // A served policy scores on the trainer already; a local one on this machine.
      const base = policy.served ? undefined : await trainer.basePolicy(policy.name);
      context.note(await checkSameModel(base ?? policy, pools, trainerTolerance));
      await base?.dispose();
    },
  };
}
