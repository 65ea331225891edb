import { UsageError } from "../core/errors.js";
import { WebEngine, type WebRuntime } from "../graph/web-engine.js";
import type { Runs } from "../transformer/decode/whole-session.js";
import type { Tokenizer } from "../transformer/text/tokenizer.js";
import { openEncoder } from "../transformer/text/tokenizer-library.mjs";
import { DemoPolicy } from "./demo-policy.js";
import { DEMO_GRAPHS, type StoredModel } from "./stored-model.js";

/** Gets one of the model's files, by its name. */
export type Fetch = (name: string) => Promise<ArrayBuffer>;

/** The tokenizer of a page's model. */
function tokenizerOf({ tokenizer, tokenizerConfig, config }: StoredModel): Tokenizer {
  const encoder = openEncoder(tokenizer, tokenizerConfig);
  return {
    vocabSize: config.vocabSize,
    encode: (text, { addSpecialTokens }) => {
      const ids = encoder.encode(text, addSpecialTokens);
      if (ids.every((id) => id !== undefined)) return [...ids];
      throw new UsageError("The model has no token for a part of the prompt.");
    },
    decode: (tokens) => encoder.decode(tokens),
    tokenId: (text) => encoder.tokenId(text),
  };
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));

/**
 * Opens the model that was written beside a page.
 * @param onGpu whether the runtime is to compute by WebGPU, which it has to have.
 */
export async function openModel(runtime: WebRuntime, fetch: Fetch, onGpu = false): Promise<DemoPolicy> {
  const prefix = onGpu ? "gpu-" : "";
  const [stored, constants] = await Promise.all([fetch("model.json"), fetch(`${prefix}constants.bin`)]);
  const model = JSON.parse(new TextDecoder().decode(stored)) as StoredModel;
  const helpers = Object.entries(model.gpu.helpers).map(([of, text]) => [of, bytesOf(text)] as const);
  const engine = new WebEngine(runtime, constants, onGpu ? Object.fromEntries(helpers) : undefined);
  const known = onGpu ? model.gpu.graphs : model.graphs;
  const compiled = await Promise.all(
    DEMO_GRAPHS.map(async (name) => {
      const bytes = new Uint8Array(await fetch(`${prefix}${name}.onnx`));
      return [name, await engine.session(bytes, known[name])] as const;
    }),
  );
  const graphs = Object.fromEntries(compiled) as Record<(typeof DEMO_GRAPHS)[number], Runs>;
  const { name, config, longest } = model;
  return new DemoPolicy({ name, config, longest, tokenizer: tokenizerOf(model), engine, graphs });
}
