import { failureOf } from "./errors.js";
import { InterruptedError, UsageError } from "../core/errors.js";
import { REMOTE_PREFIX } from "../policy/remote/base-urls.js";
import { checkDrawing } from "../policy/capabilities.js";
import type { Policy } from "../policy/policy.js";
import type { ServerUsage } from "../policy/remote/usage.js";
import type { OpenedModel } from "../reproduce/cells.js";
import type { SuiteModels } from "./commands/reproduce.js";
import type { Context } from "./context.js";
import { usageLine, usageResult, type RemoteValues } from "./remote.js";
import { modelSource, openPolicy, policySource, type Machine, type ModelSource } from "./sources.js";

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
  values: RemoteValues & Machine & { readonly temperature?: number },
  context: Context,
): Promise<MixedModels> {
  const { baseUrl, temperature = 1 } = values;
  const isServed = (name: string): boolean => name.startsWith(REMOTE_PREFIX);
  if (baseUrl !== undefined && !models.some(isServed)) {
    throw new UsageError(
      `--base-url is for models behind servers, --models ${REMOTE_PREFIX}<name>; ${models.join(", ")} is none.`,
    );
  }
  const sources = new Map<string, ModelSource>();
  for (const name of models)
    sources.set(name, isServed(name) ? await policySource(name, values) : modelSource(name));
  const served: Policy[] = [];
  const open = async (source: ModelSource): Promise<OpenedModel> => {
    const policy = await openPolicy(source, values, context);
    if (!policy.served) return { policy, path: source.path };
    served.push(policy);
    checkDrawing(policy, temperature);
    return { policy, path: source.path, server: policy.served.settings };
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
    openModel: (name) => probed.get(name) ?? open(sources.get(name)!),
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
