/** Models that Ollama has fetched: each is a GGUF file under its digest, which a manifest names. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

/** How a model of Ollama's folder is named: `ollama:llama3.2:1b`. */
export const OLLAMA_PREFIX = "ollama:";

const MODEL_LAYER = "application/vnd.ollama.image.model";
const REGISTRY = "registry.ollama.ai";
const manifest = z.object({ layers: z.array(z.object({ mediaType: z.string(), digest: z.string() })) });

/** A model on this disk that can be named. */
export interface OllamaModel {
  /** As Ollama has it, such as `llama3.2` or `llama3.2:1b`, after the prefix. */
  readonly name: string;
  /** The GGUF file. */
  readonly path: string;
}

/**
 * The models in Ollama's folder: what `OLLAMA_MODELS` names, or `.ollama/models` in the home folder. Those whose file is not there, and
 * manifests that are not read, are left out.
 */
export function ollamaModels(env: NodeJS.ProcessEnv = process.env): OllamaModel[] {
  const folder = env["OLLAMA_MODELS"] || join(homedir(), ".ollama", "models");
  const root = join(folder, "manifests", REGISTRY);
  const found: OllamaModel[] = [];
  for (const owner of names(root)) {
    for (const model of names(join(root, owner))) {
      for (const tag of names(join(root, owner, model))) {
        const path = fileOf(folder, join(root, owner, model, tag));
        const shown = `${owner === "library" ? "" : `${owner}/`}${model}${tag === "latest" ? "" : `:${tag}`}`;
        if (path !== undefined) found.push({ name: OLLAMA_PREFIX + shown, path });
      }
    }
  }
  return found;
}

/** The GGUF file of a name with the prefix; undefined if there is none. */
export function ollamaModel(name: string): string | undefined {
  if (!name.startsWith(OLLAMA_PREFIX)) return undefined;
  const asked = name.replace(/:latest$/, "");
  return ollamaModels().find((model) => model.name === asked)?.path;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function fileOf(folder: string, path: string): string | undefined {
  try {
    const { layers } = manifest.parse(JSON.parse(readFileSync(path, "utf8")));
    const digest = layers.find(({ mediaType }) => mediaType === MODEL_LAYER)?.digest ?? "";
    const file = join(folder, "blobs", digest.replace(":", "-"));
    return /^sha256:[0-9a-f]{64}$/.test(digest) && existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
