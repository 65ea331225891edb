import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../../core/errors.js";
import { writeResponsesParquet } from "../../run/parquet-file.js";
import { readRun } from "../../run/read-run.js";
import { loadConfig, parseConfig } from "../../transformer/families/config.js";
import { huggingFaceConfig } from "../../transformer/format/gguf/config.js";
import { isGguf, readGgufHeader } from "../../transformer/format/gguf/header.js";
import { writeGgufLora } from "../../transformer/format/gguf/write-lora.js";
import { checkFits, writeMerged } from "../../transformer/merge.js";
import { loadModel } from "../../transformer/model.js";
import { holdsModel, loadTrained } from "../../transformer/trained-folder.js";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import { modelSource } from "../sources.js";
import { COMMANDS } from "./table.js";

/** `whetstone export <from> <target>`: an adapter, or a run's responses, in the form that other programs take. */
export const exportCommand = defineCommand({
  ...COMMANDS.export,
  details:
    "<from> is a run folder or an adapter folder. A <target> that ends in .gguf becomes a LoRA file for llama.cpp; one that ends in " +
    ".parquet a table of the responses that the base, or that adapter, drew; any other becomes a new folder of Hugging Face layout, with " +
    "the adapter merged into the weights, in float32; what --full trained is such a folder already.",
  options: ["adapterModel"],
  examples: [
    ["export runs/game24-1 merged", "the run's model with its adapter merged in"],
    ["export runs/game24-1/adapters/sft lora.gguf --model ./my-model", "for llama.cpp's --lora"],
    ["export runs/game24-1 responses.parquet", "a row for each response, for pandas, polars or DuckDB"],
  ],
  run: async ([given = "", target = ""], values, context) => {
    if (isParquet(target)) {
      await exportResponses(given, target, context);
      return;
    }
    const { adapter: folder, model } = locate(given);
    const name = values.model ?? model;
    if (name === undefined) {
      throw new UsageError(`${given} does not say which model it is an adapter of; name it with --model.`);
    }
    const source = modelSource(name);
    const config = await configOf(source.folder);
    const adapter = await loadTrained(folder, config);
    if (isGguf(target)) {
      if (adapter.whole)
        throw new UsageError(
          `${folder} is a whole model, and no adapter for llama.cpp: name a folder to export it into.`,
        );
      checkFits(adapter, config, source.name);
      await writeGgufLora(target, adapter, config);
    } else {
      if (existsSync(target) && readdirSync(target).length > 0) {
        throw new UsageError(`${target} is there already and not empty; name a new folder.`);
      }
      await writeMerged(target, await loadModel(source.folder, { whole: true }), adapter);
    }
    context.say(target);
    context.result({
      adapter: folder,
      model: source.name,
      target,
      kind: isGguf(target) ? "gguf-lora" : "merged",
    });
  },
});

/** Whether a folder holds an adapter, or a model of which every weight was trained. */
const isTrained = (folder: string): boolean =>
  existsSync(join(folder, "adapter_config.json")) || holdsModel(folder);

const isParquet = (target: string): boolean => /\.parquet$/i.test(target);

/** The responses of a run, or of one of its adapters, as a table. */
async function exportResponses(given: string, target: string, context: Context): Promise<void> {
  if (existsSync(target)) throw new UsageError(`${target} is there already; name a new file.`);
  const { dir } = readRun(isTrained(given) ? dirname(dirname(resolve(given))) : given);
  const responses = join(given, "responses.jsonl");
  if (!existsSync(responses)) throw new UsageError(`${given} has no responses to export.`);
  const rows = await writeResponsesParquet({ prompts: join(dir, "prompts.jsonl"), responses }, target);
  context.say(target);
  context.result({ run: dir, responses, target, kind: "parquet", rows });
}

/** The adapter's folder, and the model that its run was made with. */
function locate(given: string): { readonly adapter: string; readonly model?: string } {
  if (isTrained(given)) return { adapter: given };
  const { dir, manifest } = readRun(given);
  const trained = join(dir, "adapters");
  const names = existsSync(trained)
    ? readdirSync(trained).filter((name) => isTrained(join(trained, name)))
    : [];
  const [only, ...others] = names.map((name) => join(trained, name));
  if (only === undefined) throw new UsageError(`${given} has no trained adapter to export.`);
  if (others.length > 0) {
    throw new UsageError(`${given} has several adapters; name one: ${[only, ...others].join(", ")}.`);
  }
  return { adapter: only, model: manifest.model.path ?? manifest.model.name };
}

async function configOf(path: string) {
  return isGguf(path)
    ? parseConfig(await huggingFaceConfig(await readGgufHeader(path)), path)
    : loadConfig(path);
}
