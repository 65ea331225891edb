import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { embeddedModels, modelFolder } from "../../policy/model-folder.js";
import { count } from "../../report/format.js";
import { loadModel } from "../../transformer/model.js";
import { defineCommand } from "../command.js";

/** `whetstone models`: the models that come with the package. */
export const modelsCommand = defineCommand({
  usage: "models",
  summary: "list the models that come with whetstone",
  details:
    "Any folder of Hugging Face layout with a model of the Llama kind can be named with --model as well.",
  options: [],
  examples: [["models", "name, parameters, digest, and where the card is"]],
  run: async (_words, _values, context) => {
    const models = [];
    for (const name of embeddedModels()) models.push(await describe(name));
    for (const { name, parameters, digest, card, folder } of models) {
      context.say(
        `${name}  ${count(parameters)} parameters  sha256 ${digest.slice(0, 16)}  ${card ?? folder}`,
      );
    }
    if (models.length === 0)
      context.say("No model comes with this installation; name a folder with --model.");
    context.result({ models });
  },
});

interface ModelEntry {
  readonly name: string;
  readonly parameters: number;
  /** SHA-256 (hex) of configuration and weights. */
  readonly digest: string;
  /** Relative to where the command runs. */
  readonly folder: string;
  readonly card: string | null;
}

async function describe(name: string): Promise<ModelEntry> {
  const folder = modelFolder(name);
  const { weights, digest } = await loadModel(folder);
  let parameters = 0;
  for (const { data } of weights.values()) parameters += data.length;
  const card = join(folder, "README.md");
  const shown = (path: string): string => relative(process.cwd(), path) || ".";
  return { name, parameters, digest, folder: shown(folder), card: existsSync(card) ? shown(card) : null };
}
