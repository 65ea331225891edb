/**
 * Models of the Hugging Face hub, in the cache folder that Python's tools share: blobs/, snapshots/<commit>/ and
 * refs/<revision> for each repository. What is cached is used without asking the hub.
 */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { getHFHubCachePath, HubApiError, listFiles, modelInfo, type ListFileEntry } from "@huggingface/hub";
import { UsageError, WhetstoneError } from "../core/errors.js";
import { isFile, writeAtomically } from "../core/files.js";
import { fetchHubFile } from "./hub-file.js";

/** A model on the hub, as `--model` names it: `organization/name`, a .gguf file in it, a revision after `@`. */
export interface HubModel {
  readonly repository: string;
  /** A branch, a tag, or a commit of 40 hexadecimal digits. */
  readonly revision: string;
  /** One .gguf file of the repository; absent: the folder of Hugging Face layout. */
  readonly file?: string;
}

const PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const ID = new RegExp(
  `^(${PART}/${PART})(?:/(${PART}\\.gguf))?(?:@([A-Za-z0-9][A-Za-z0-9._/-]{0,127}))?$`,
  "i",
);
const COMMIT = /^[0-9a-f]{40}$/;

/** What a model's folder is read from; nothing else is fetched, least of all a pickle. */
const WANTED = new Set([
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "model.safetensors.index.json",
]);
const WEIGHTS = /^model(?:-\d{5}-of-\d{5})?\.safetensors$/;

/** @returns undefined for what cannot be a name on the hub. */
export function parseHubModel(name: string): HubModel | undefined {
  const match = ID.exec(name);
  if (match === null || name.includes("..")) return undefined;
  const [, repository, file, revision = "main"] = match;
  return { repository: repository!, revision, ...(file === undefined ? {} : { file }) };
}

/** The folder of a model in the cache, or its .gguf file; undefined where it is not there as a whole. */
export function cachedHubModel(model: HubModel): string | undefined {
  const folder = repositoryFolder(model.repository);
  const commit = COMMIT.test(model.revision) ? model.revision : readRef(folder, model.revision);
  if (commit === undefined) return undefined;
  const snapshot = join(folder, "snapshots", commit);
  if (model.file !== undefined) {
    const path = join(snapshot, model.file);
    return existsSync(path) ? path : undefined;
  }
  return isWhole(snapshot) ? snapshot : undefined;
}

/** The models in the cache that can be named with `--model`, with the commit of each. */
export function cachedHubModels(): {
  readonly name: string;
  readonly commit: string;
  readonly path: string;
}[] {
  const cache = getHFHubCachePath();
  if (!existsSync(cache)) return [];
  const found = [];
  for (const entry of readdirSync(cache).sort()) {
    const repository = /^models--(.+?)--(.+)$/.exec(entry);
    if (repository === null) continue;
    const name = `${repository[1]}/${repository[2]}`;
    const snapshots = join(cache, entry, "snapshots");
    if (!existsSync(snapshots)) continue;
    const main = readRef(join(cache, entry), "main");
    for (const commit of readdirSync(snapshots).sort()) {
      const path = join(snapshots, commit);
      const pinned = commit === main ? "" : `@${commit}`;
      if (isWhole(path)) found.push({ name: `${name}${pinned}`, commit, path });
      for (const file of statSync(path).isDirectory() ? readdirSync(path).sort() : []) {
        if (file.toLowerCase().endsWith(".gguf"))
          found.push({ name: `${name}/${file}${pinned}`, commit, path: join(path, file) });
      }
    }
  }
  return found;
}

export interface FetchOptions {
  /** Told of each file before it is fetched, with its size in bytes. */
  readonly onFile?: (path: string, bytes: number) => void;
}

/**
 * Brings a model into the cache, whatever is there already, and gives its folder or file. Each file is checked against the
 * digest that the hub names for it. Uses `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE` and the variables that say where the
 * cache is, as Python's tools do.
 * @throws UsageError when there is no such model, no access or no network.
 */
export async function fetchHubModel(model: HubModel, { onFile }: FetchOptions = {}): Promise<string> {
  const { repository, revision } = model;
  if (["1", "true", "yes", "on"].includes(process.env["HF_HUB_OFFLINE"]?.toLowerCase() ?? "")) {
    throw new UsageError(`${shown(model)} is not in the cache, and HF_HUB_OFFLINE forbids fetching it.`);
  }
  const hubUrl = process.env["HF_ENDPOINT"];
  const accessToken = process.env["HF_TOKEN"];
  const access = { ...(hubUrl ? { hubUrl } : {}), ...(accessToken ? { accessToken } : {}) };
  const folder = repositoryFolder(repository);
  try {
    const { sha: commit } = await modelInfo({
      name: repository,
      revision,
      additionalFields: ["sha"],
      ...access,
    });
    if (!COMMIT.test(commit)) throw new Error(`the hub names the commit ${JSON.stringify(commit)}`);
    const entries: ListFileEntry[] = [];
    const files = listFiles({ repo: repository, revision: commit, recursive: false, ...access });
    for await (const entry of files) if (entry.type === "file") entries.push(entry);
    for (const entry of wantedOf(entries, model)) {
      onFile?.(entry.path, entry.size);
      await fetchHubFile(folder, entry, { repository, commit, ...access });
    }
    if (commit !== revision) {
      await mkdir(dirname(join(folder, "refs", revision)), { recursive: true });
      await writeAtomically(join(folder, "refs", revision), commit);
    }
    return join(folder, "snapshots", commit, model.file ?? "");
  } catch (cause) {
    throw fetchError(model, cause);
  }
}

function wantedOf(entries: readonly ListFileEntry[], model: HubModel): ListFileEntry[] {
  const wanted =
    model.file === undefined
      ? entries.filter(({ path }) => WANTED.has(path) || WEIGHTS.test(path))
      : entries.filter(({ path }) => path === model.file);
  if (wanted.some(({ path }) => WEIGHTS.test(path)) || (model.file !== undefined && wanted.length > 0))
    return wanted;
  const gguf = entries.map(({ path }) => path).filter((path) => path.toLowerCase().endsWith(".gguf"));
  const remedy =
    gguf.length > 0
      ? `name one of its files: ${gguf.map((path) => `${model.repository}/${path}`).join(", ")}`
      : "it has neither model.safetensors nor a .gguf file; convert it to safetensors";
  throw new UsageError(`${shown(model)} cannot be used as it is: ${remedy}.`);
}

function fetchError(model: HubModel, cause: unknown): WhetstoneError {
  if (cause instanceof WhetstoneError) return cause;
  const name = shown(model);
  if (cause instanceof HubApiError) {
    if (cause.statusCode === 404) {
      return new UsageError(`The hub has no model ${name}; check its name and revision.`, { cause });
    }
    if (cause.statusCode === 401 || cause.statusCode === 403) {
      return new UsageError(
        `The hub gives no access to ${name}: it does not exist, or it is private or gated; set HF_TOKEN to a token that may read it.`,
        { cause },
      );
    }
    return new UsageError(`The hub answers ${cause.statusCode} for ${name}; try again later.`, { cause });
  }
  const below = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : undefined;
  const reason = cause instanceof Error ? (below ?? cause.message) : String(cause);
  return new UsageError(`${name} cannot be fetched from the hub: ${reason}.`, { cause });
}

/** A model by the name that `--model` takes. */
function shown({ repository, revision, file }: HubModel): string {
  return `${repository}${file === undefined ? "" : `/${file}`}${revision === "main" ? "" : `@${revision}`}`;
}

function repositoryFolder(repository: string): string {
  return join(getHFHubCachePath(), `models--${repository.replace("/", "--")}`);
}

function readRef(folder: string, revision: string): string | undefined {
  const path = join(folder, "refs", revision);
  if (!isFile(path)) return undefined;
  const commit = readFileSync(path, "utf8").trim();
  return COMMIT.test(commit) ? commit : undefined;
}

/** Whether a snapshot has what a model is read from: other tools fetch single files. */
function isWhole(snapshot: string): boolean {
  const has = (name: string): boolean => existsSync(join(snapshot, name));
  if (!has("config.json") || !has("tokenizer.json")) return false;
  if (has("model.safetensors")) return true;
  if (!has("model.safetensors.index.json")) return false;
  const index = readFileSync(join(snapshot, "model.safetensors.index.json"), "utf8");
  return [...new Set(index.match(/model-\d{5}-of-\d{5}\.safetensors/g) ?? [])].every(has);
}
