import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../core/errors.js";
import { isGguf } from "../transformer/format/gguf/header.js";
import { ollamaModel, ollamaModels, OLLAMA_PREFIX } from "./ollama.js";
import { cachedHubModel, fetchHubModel, parseHubModel, type FetchOptions } from "./hub.js";

// The same depth from src/policy and from dist/policy.
const MODELS = fileURLToPath(new URL("../../models/", import.meta.url));

/** The names of the models that come with the package: folders of models/ that hold a config.json. */
export function embeddedModels(): string[] {
  if (!existsSync(MODELS)) return [];
  return readdirSync(MODELS)
    .filter((name) => existsSync(join(MODELS, name, "config.json")))
    .sort();
}

/** Whether a name can only be an id of the Hugging Face hub. */
export function isOnHub(name: string): boolean {
  return !embeddedModels().includes(name) && !existsSync(name) && parseHubModel(name) !== undefined;
}

/** What a model is called where it is named to people: not by the commit that a folder of the cache is named after. */
export function modelName(name: string): string {
  if (embeddedModels().includes(name) || isOnHub(name) || name.startsWith(OLLAMA_PREFIX)) return name;
  return basename(resolve(name)).replace(/\.gguf$/i, "");
}

/**
 * Where a model lies: an embedded one by its name, a folder of Hugging Face layout or a .gguf file by its path, or a model
 * of the Hugging Face hub by its id if it is in the cache. Loads and fetches nothing.
 * @throws UsageError that says what can be named, and how to fetch.
 */
export function modelFolder(name: string): string {
  const found = findModel(name);
  if (found !== undefined) return found;
  if (parseHubModel(name) !== undefined) {
    throw new UsageError(
      `There is no folder ${name}, and no model of that id in the cache: fetch it with "whetstone models pull ${name}".`,
    );
  }
  throw unknownModel(name);
}

/**
 * As `modelFolder`, but a model of the hub that is not in the cache is fetched.
 * @throws UsageError when there is no such model, or it cannot be fetched.
 */
export async function fetchModel(name: string, options: FetchOptions = {}): Promise<string> {
  const found = findModel(name);
  if (found !== undefined) return found;
  const onHub = parseHubModel(name);
  if (onHub === undefined) throw unknownModel(name);
  return fetchHubModel(onHub, options);
}

function findModel(name: string): string | undefined {
  if (embeddedModels().includes(name)) return join(MODELS, name);
  if (existsSync(name)) {
    const isFolder = statSync(name).isDirectory();
    return isFolder || isGguf(name) ? resolve(name) : undefined;
  }
  const onHub = parseHubModel(name);
  return onHub ? cachedHubModel(onHub) : ollamaModel(name);
}

function unknownModel(name: string): UsageError {
  if (existsSync(name)) {
    return new UsageError(
      `${name} is no model: a file has to end in .gguf; of a folder of Hugging Face layout, name the folder.`,
    );
  }
  if (name.startsWith(OLLAMA_PREFIX)) {
    const there = ollamaModels().map((model) => model.name);
    const listed = there.length > 0 ? `has ${there.join(", ")}` : "has none";
    return new UsageError(`There is no model "${name}": Ollama's folder ${listed}.`);
  }
  const embedded = embeddedModels();
  const known = embedded.length > 0 ? `${embedded.join(", ")} (embedded), ` : "";
  return new UsageError(
    `There is no model "${name}": use ${known}organization/name on the Hugging Face hub, the path of a .gguf file, or ` +
      `the path of a folder in Hugging Face layout.`,
  );
}
