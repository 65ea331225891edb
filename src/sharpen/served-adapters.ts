import { cp, mkdir, rename, rm } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ServerError } from "../core/errors.js";
import { sha256 } from "../core/files.js";
import type { EncodingPolicy, Policy, Prompt } from "../policy/policy.js";
import { remotePolicy } from "../policy/remote/remote-policy.js";
import type { ServersOptions } from "../policy/remote/connect.js";
import { loadIntoServers, type ServedAdapter } from "../policy/remote/lora-routes.js";
import { scoredBy } from "../policy/scored-by.js";
import type { Trainers } from "../policy/trainer.js";
import { passGate } from "./adapter-gate.js";

const FILES = ["adapter_config.json", "adapter_model.safetensors"];

/** How adapters get to servers, and are held to what was trained. */
export interface Serving {
  /** The servers that have a model or an adapter of this name, and how they are asked. */
  readonly servers: (model: string) => ServersOptions;
  /** A folder that this machine and all servers see under the same path. */
  readonly shared: string;
  /** The trainer's base; the caller of this disposes of it. */
  readonly base: () => Promise<EncodingPolicy>;
  /** The ids that end a response. */
  readonly endTokens: readonly number[];
  /** What the gate draws to, and the noise that it allows for; asked for when the first adapter is there. */
  readonly measured: () => { readonly prompts: readonly Prompt[]; readonly noise: number };
  readonly maxTokens: number;
  /** Told where a server loads no adapters while it runs: the place to say how it is to be served. */
  readonly unserved?: (adapter: ServedAdapter, folder: string) => Promise<void>;
  readonly note?: (text: string) => void;
}

/**
 * Trainers whose adapters are drawn from on servers: each goes into a folder that these see, under a name that its digest is, is loaded
 * into every one of them, and let through by a gate before anything is drawn. What they draw the trainer scores.
 * @throws with `withAdapter`: as `loadIntoServers` and `passGate`.
 */
export function onServers<A>(trainers: Trainers<A>, serving: Serving): Trainers<A> {
  return {
    ...trainers,
    base: undefined,
    withAdapter: async (folder, name) => {
      const trained = await trainers.withAdapter(folder, name);
      try {
        return await servedAdapter(trained, folder, name, serving);
      } catch (error) {
        await trained.dispose();
        throw error;
      }
    },
  };
}

async function servedAdapter(
  trained: Policy,
  folder: string,
  name: string,
  serving: Serving,
): Promise<Policy> {
  const adapter = await shared(folder, serving.shared);
  const servers = serving.servers(adapter.name);
  const loaded = await loadIntoServers(servers, adapter).catch(async (error: unknown) => {
    if (error instanceof ServerError && error.reason === "adapter-not-served")
      await serving.unserved?.(adapter, folder);
    throw error;
  });
  try {
    const scorer = { policy: trained as EncodingPolicy, endTokens: serving.endTokens };
    await throughGates(scorer, servers, serving);
    const drawer = await remotePolicy(servers);
    serving.note?.(`${name} is drawn from on ${servers.baseUrls.join(", ")}, as ${adapter.name}.`);
    const policy = scoredBy(drawer, scorer);
    return {
      ...policy,
      get served() {
        return drawer.served;
      },
      dispose: async () => {
        await policy.dispose();
        await loaded.unload();
      },
    };
  } catch (error) {
    await loaded.unload();
    throw error;
  }
}

/** Each server by itself: one without the adapter would hide among the others. */
async function throughGates(
  adapter: Parameters<typeof passGate>[1]["adapter"],
  servers: ServersOptions,
  { base: open, measured, maxTokens, note }: Serving,
): Promise<void> {
  const base = await open();
  try {
    for (const url of servers.baseUrls) {
      const one = await remotePolicy({ ...servers, baseUrls: [url] });
      try {
        const look = { url, ...measured(), maxTokens, signal: servers.signal };
        const remark = await passGate(one, { adapter, base }, look);
        if (remark !== undefined) note?.(remark);
      } finally {
        await one.dispose();
      }
    }
  } finally {
    await base.dispose();
  }
}

/** Puts an adapter where the servers see it, whole or not at all. */
async function shared(folder: string, place: string): Promise<ServedAdapter> {
  const bytes = FILES.map((file) => sha256(readFileSync(join(folder, file))));
  const name = `w-${sha256(bytes.join()).slice(0, 32)}`;
  const path = join(place, name);
  if (!existsSync(path)) {
    const partial = `${path}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    for (const file of FILES) await cp(join(folder, file), join(partial, file));
    await rename(partial, path);
  }
  return { name, path };
}
