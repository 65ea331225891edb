import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { UsageError } from "../../core/errors.js";
import { gigabytes } from "../../core/gigabytes.js";
import { cachedHubModels, fetchHubModel, parseHubModel } from "../../policy/hub.js";
import { ollamaModels } from "../../policy/ollama.js";
import { embeddedModels, fetchModel, modelFolder } from "../../policy/model-folder.js";
import { findDevices, type FoundDevice } from "../../graph/index.js";
import { count } from "../../report/format.js";
import { inspectModel, type Inspection } from "../../transformer/inspect.js";
import { loadModel } from "../../transformer/model.js";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import { fetchNotes } from "../fetch-named.js";
import { FETCH_SMALL } from "../need-model.js";
import { COMMANDS } from "./table.js";

/** `whetstone models`: the models that can be named, fetched or looked into. */
export const modelsCommand = defineCommand({
  ...COMMANDS.models,
  details:
    "Without an action it lists the models that come with whetstone, those in the Hugging Face cache and Ollama's. Any folder of " +
    "Hugging Face layout and any .gguf file of a supported family can be named with --model as well.",
  options: [],
  examples: [
    ["models", "name, parameters, digest, and where the card is"],
    [
      "models pull HuggingFaceTB/SmolLM2-135M-Instruct",
      "into the cache that Python's tools share; @revision pins it",
    ],
    [
      "models inspect ./model.gguf",
      "family, sizes, formats, chat template, memory, devices; reads no weights",
    ],
  ],
  run: async ([action, name], _values, context) => {
    switch (action) {
      case undefined:
        return list(context);
      case "pull":
        return pull(named(action, name), context);
      case "inspect":
        return inspect(named(action, name), context);
      default:
        throw new UsageError(
          `"${action}" is nothing that models does: leave it out, or say pull or inspect.`,
        );
    }
  },
});

function named(action: string, name: string | undefined): string {
  if (name !== undefined && name !== "") return name;
  throw new UsageError(`Say which model to ${action}: whetstone models ${action} <name>.`);
}

async function list(context: Context): Promise<void> {
  const models = [];
  for (const name of embeddedModels()) models.push(await describe(name));
  for (const { name, parameters, digest, card, folder } of models) {
    context.say(`${name}  ${count(parameters)} parameters  sha256 ${digest.slice(0, 16)}  ${card ?? folder}`);
  }
  const cached = cachedHubModels();
  const ollama = ollamaModels();
  for (const { name, path } of [...cached, ...ollama]) context.say(`${name}  ${path}`);
  if (cached.length === 0 && ollama.length === 0)
    context.note(`Nothing else is cached here. Name a folder or a .gguf file with --model; ${FETCH_SMALL}`);
  context.result({ models, cached, ollama });
}

/** Fetches what has changed too, unlike a command that only needs the model to be there. */
async function pull(name: string, context: Context): Promise<void> {
  const onHub = parseHubModel(name);
  if (onHub === undefined) {
    throw new UsageError(
      `"${name}" is no id of the Hugging Face hub, such as organization/name or organization/name@v1.`,
    );
  }
  const path = await fetchHubModel(onHub, fetchNotes(name, context));
  context.say(path);
  context.result({ name, path });
}

async function inspect(name: string, context: Context): Promise<void> {
  const found = await inspectModel(await fetchModel(name, fetchNotes(name, context)));
  const devices = findDevices();
  context.say(lines(name, found, devices));
  context.result({ name, ...found, devices });
}

function lines(name: string, found: Inspection, devices: readonly FoundDevice[]): string {
  const needs = Object.entries(found.need).map(
    ([holding, bytes]) =>
      `${gigabytes(bytes)} ${holding === "float32" ? "in" : "with --quantize"} ${holding}`,
  );
  const formats = Object.entries(found.formats).map(([format, tensors]) => `${tensors} ${format}`);
  return [
    `${name}  ${count(found.parameters)} parameters  ${found.path}`,
    `family ${found.family}, ${found.layers} layers of ${found.hiddenSize}, ${found.heads} heads (${found.kvHeads} for keys), ${count(found.vocabSize)} tokens`,
    `context of ${count(found.maxPositions)} tokens; chat template: ${found.chatTemplate ? "yes" : "no"}`,
    `tensors: ${formats.join(", ")}; ${count(found.bytes / 1e6)} MB`,
    `memory for drawing, about: ${needs.join(", ")}; for training with --full ${gigabytes(found.fullTraining)} more`,
    ...devices.map(({ name, problem = "there" }) => `--device ${name}: ${problem}`),
  ].join("\n");
}

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
  const { weights, digest } = await loadModel(folder, { whole: true });
  let parameters = 0;
  for (const { data } of weights.values()) parameters += data.length;
  const card = join(folder, "README.md");
  const shown = (path: string): string => relative(process.cwd(), path) || ".";
  return { name, parameters, digest, folder: shown(folder), card: existsSync(card) ? shown(card) : null };
}
