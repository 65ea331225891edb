import { readFileSync } from "node:fs";
import { z } from "zod";
import { UsageError } from "../core/errors.js";
import { readError } from "../core/files.js";
import type { Dialect } from "../policy/remote/dialects/dialect.js";
import { dialectNamed } from "../policy/remote/dialects/index.js";
import { findServer, type KnownPlace } from "../policy/remote/find-server.js";
import type { Policy, Served } from "../policy/policy.js";
import { count } from "../report/format.js";
import { keyFromEnvironment } from "../policy/remote/api-key.js";
import { baseUrls, REMOTE_PREFIX } from "../policy/remote/base-urls.js";
import type { ServersOptions } from "../policy/remote/connect.js";
import type { ServerUsage } from "../policy/remote/usage.js";
import type { RecordKind } from "../run/record-lines.js";
import type { Run } from "../run/run.js";
import { batchFiles, openBatch, type BatchFiles, type BatchValues } from "./batch.js";
import type { Context } from "./context.js";
import type { REMOTE, Values } from "./options.js";

export type RemoteValues = Values<(typeof REMOTE)[number]> & BatchValues;

/** A model behind servers, as the command line names it. */
export type RemoteModel = Omit<ServersOptions, "key" | "signal" | "api"> & {
  readonly api: string;
  /** What listens at the URL, where it was not named but found. */
  readonly found?: KnownPlace;
  /** It is asked by files, and there is no server. */
  readonly batch?: BatchFiles;
};

/**
 * The model of `openai:<name>`; undefined for every other name.
 * @throws UsageError where the servers are missing, or are given for a model that is not served.
 */
export async function remoteModel(
  name: string,
  { raw = false, ...values }: RemoteValues & { readonly raw?: boolean },
): Promise<RemoteModel | undefined> {
  if (!name.startsWith(REMOTE_PREFIX)) {
    if (batchFiles(values))
      throw new UsageError(`Batch files are for --model ${REMOTE_PREFIX}<name>; ${name} is none.`);
    if (values.baseUrl === undefined) return undefined;
    throw new UsageError(
      `--base-url is for a model behind a server, --model ${REMOTE_PREFIX}<name>; ${name} is none.`,
    );
  }
  const model = name.slice(REMOTE_PREFIX.length);
  if (model === "")
    throw new UsageError(`--model ${REMOTE_PREFIX} lacks the model's name, as its server lists it.`);
  const { api = raw ? "completions" : "chat", concurrency, stream, maxRequests, maxTokensTotal } = values;
  if (raw && takes(api) === "messages")
    throw new UsageError(
      `--raw gives prompts as they stand, which --api ${api} does not take; leave one out.`,
    );
  const batch = batchFiles(values);
  if (batch) return { model, baseUrls: [], api, batch };
  const named = values.baseUrl ?? process.env["OPENAI_BASE_URL"]?.trim();
  const found = named ? undefined : await findServer(model);
  return {
    model,
    baseUrls: named ? baseUrls(named, model) : [found!.url],
    api,
    ...(found && { found }),
    ...(values.ca !== undefined && { ca: certificates(values.ca) }),
    concurrency,
    stream,
    maxRequests,
    maxTokensTotal,
  };
}

/** What prompts are to a protocol. */
export function takes(api: string): Dialect["takes"] {
  return dialectNamed(api).takes;
}

/** @throws UsageError for a file that cannot be read, or is none in PEM. */
function certificates(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw readError(file, cause);
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new UsageError(
    `${file} holds no certificate in PEM ("-----BEGIN CERTIFICATE-----"); name one with --ca.`,
  );
}

/** Connects, and says what the probe found; or opens the files of a batch. The key is the environment's. */
export async function connectRemote(model: RemoteModel, context: Context): Promise<Policy> {
  if (model.batch) return openBatch({ ...model, ...model.batch });
  // The client library is not loaded for models on this machine.
  const { found } = model;
  if (found)
    context.note(`${REMOTE_PREFIX}${model.model} is at ${found.url}, where ${found.program} listens.`);
  const { RemotePolicy: Remote } = await import("../policy/remote/remote-policy.js");
  const policy = await Remote.connect(serversOf(model, context));
  context.note(policy.served.summary);
  return policy;
}

/** How the servers of a model are asked, with the environment's key. */
export function serversOf(model: RemoteModel, { signal }: Pick<Context, "signal">): ServersOptions {
  return { ...model, key: keyFromEnvironment(process.env), signal };
}

/** What was asked of the servers, in a sentence. */
export function usageLine(name: string, { usage }: Served): string {
  const faults = Object.entries(usage.faults).map(([fault, times]) => `${fault} ${times}×`);
  const trouble =
    faults.length === 0 ? "" : `, ${count(usage.retries)} of them again after faults (${faults.join(", ")})`;
  const shares = Object.values(usage.byServer).map(count);
  const shared = shares.length > 1 ? ` (${shares.join(" + ")})` : "";
  return (
    `${name}: ${count(usage.requests)} requests${shared}${trouble}, ` +
    `${count(usage.promptTokens)} prompt and ${count(usage.completionTokens)} response tokens.`
  );
}

/** The same for programs, by what it is called in the result of `--json`; nothing for a model on this machine. */
export function usageResult({ served }: Policy): { readonly server?: ServerUsage } {
  return served ? { server: recordedUsage(served.usage) } : {};
}

/** Appends what this command has asked of servers to the run's `servers.jsonl`. */
export async function recordUsage(run: Run, { usage }: Served): Promise<void> {
  const log = await run.log("servers.jsonl", usageRecords);
  log.append({ command: log.size, ...recordedUsage(usage) });
}

const wholeCount = z.int().min(0);
const usageRecords: RecordKind<ServerUsage & { readonly command: number }> = {
  schema: z.object({
    command: wholeCount,
    requests: wholeCount,
    retries: wholeCount,
    promptTokens: wholeCount,
    completionTokens: wholeCount,
    tokens: wholeCount,
    faults: z.record(z.string(), wholeCount),
    byServer: z.record(z.string(), wholeCount),
  }),
  key: ({ command }) => String(command),
};

function recordedUsage(usage: ServerUsage): ServerUsage {
  const { requests, retries, promptTokens, completionTokens, tokens, faults, byServer } = usage;
  return { requests, retries, promptTokens, completionTokens, tokens, faults, byServer };
}
