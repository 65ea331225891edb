import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../core/errors.js";

// The same depth from src/policy and from dist/policy.
const MODELS = fileURLToPath(new URL("../../models/", import.meta.url));

/** The names of the models that come with the package: folders of models/ that hold a config.json. */
export function embeddedModels(): string[] {
  if (!existsSync(MODELS)) return [];
  return readdirSync(MODELS)
    .filter((name) => existsSync(join(MODELS, name, "config.json")))
    .sort();
}

/**
 * The folder of a model: an embedded one by its name, or a folder of Hugging Face layout by its path. Loads nothing.
 * @throws UsageError that lists the embedded models if it is neither.
 */
export function modelFolder(name: string): string {
  const embedded = embeddedModels();
  if (embedded.includes(name)) return join(MODELS, name);
  if (existsSync(name) && statSync(name).isDirectory()) return resolve(name);
  const known = embedded.length > 0 ? `${embedded.join(", ")} (embedded), or` : "";
  throw new UsageError(
    `There is no model "${name}": use ${known} the path of a folder in Hugging Face layout.`.replace(
      "  ",
      " ",
    ),
  );
}
