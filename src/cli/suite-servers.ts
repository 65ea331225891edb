import { failureOf } from "./errors.js";
import { InterruptedError, UsageError } from "../core/errors.js";
import { REMOTE_PREFIX } from "../policy/remote/base-urls.js";
import { checkDrawing } from "../policy/capabilities.js";
import type { Policy } from "../policy/policy.js";
import type { ServerUsage } from "../policy/remote/usage.js";
import type { OpenedModel } from "../reproduce/cells.js";
import type { RunModel } from "../run/config.js";
import { openSuiteModel, type SuiteModels } from "./commands/reproduce.js";
import type { Context } from "./context.js";
import { usageLine, usageResult, type RemoteValues } from "./remote.js";
import { heldSource, policySource, type Machine, type ModelSource } from "./sources.js";

/** Models on this machine and behind servers, side by side. */
export interface MixedModels extends SuiteModels {
  /** What was asked of the servers so far, by the model's name; told to people by `tell`. */
  usage(): Readonly<Record<string, ServerUsage>>;
  tell(): void;
}

/**
 * Opens models for a suite. Every served one is probed at once, before anything is drawn: what it lacks, or that it is
 * down, is said then, and its cells are left blank.
 * @throws UsageError for a model that is not there, or servers without a model; InterruptedError.
 */
export async function mixedModels(
  models: readonly string[],
  values: RemoteValues & Machine & Parameters<typeof heldSource>[1] & { readonly temperature?: number },
  context: Context,
): Promise<MixedModels> {
  const { baseUrl, temperature = 1 } = values;
  const isServed = (name: string): boolean => name.startsWith(REMOTE_PREFIX);
  if (baseUrl !== undefined && !models.some(isServed)) {
    throw new UsageError(
      `--base-url is for models behind servers, --models ${REMOTE_PREFIX}<name>; ${models.join(", ")} is none.`,
    );
  }
  // How a model is held is for those on this machine, where there are any.
  const { quantize: _, kvCache: __, maxLength: ___, device: ____, ...unheld } = values;
  const ofServers = models.every(isServed) ? values : unheld;
  const sources = new Map<string, ModelSource>();
  for (const name of models)
    sources.set(name, isServed(name) ? await policySource(name, ofServers) : heldSource(name, values));
  const served: Policy[] = [];
  const open = async (source: ModelSource, before?: RunModel): Promise<OpenedModel> => {
    const opened = await openSuiteModel(source, values, context, before);
    if (opened.policy.served) {
      served.push(opened.policy);
      checkDrawing(opened.policy, temperature);
    }
    return opened;
  };
  const probed = new Map<string, Promise<OpenedModel>>();
  for (const name of models.filter(isServed)) {
    const opening = open(sources.get(name)!);
    probed.set(name, opening);
    await opening.catch((error: unknown) => {
      if (error instanceof InterruptedError || !(error instanceof Error)) throw error;
      context.note(`${name} has no results: ${failureOf(error, false).sentence}`);
    });
  }
  return {
    sources,
    openModel: (name, before) => probed.get(name) ?? open(sources.get(name)!, before),
    usage: () =>
      Object.fromEntries(
        served.flatMap((policy) => {
          const { server } = usageResult(policy);
          return server ? [[policy.name, server] as const] : [];
        }),
      ),
    tell: () => {
      for (const policy of served) context.note(usageLine(policy.name, policy.served!));
    },
  };
}
