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

/** Opens the model that was written beside a page. */
export async function openModel(runtime: WebRuntime, fetch: Fetch): Promise<DemoPolicy> {
  const [stored, constants] = await Promise.all([fetch("model.json"), fetch("constants.bin")]);
  const model = JSON.parse(new TextDecoder().decode(stored)) as StoredModel;
  const engine = new WebEngine(runtime, constants);
  const compiled = await Promise.all(
    DEMO_GRAPHS.map(async (name) => {
      const bytes = new Uint8Array(await fetch(`${name}.onnx`));
      return [name, await engine.session(bytes, model.graphs[name])] as const;
    }),
  );
  const graphs = Object.fromEntries(compiled) as Record<(typeof DEMO_GRAPHS)[number], Runs>;
  const { name, config, longest } = model;
  return new DemoPolicy({ name, config, longest, tokenizer: tokenizerOf(model), engine, graphs });
}
