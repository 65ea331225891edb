import { expect, it } from "vitest";
import { needModel, type AtHand } from "./need-model.js";

const NOTHING: AtHand = { cached: () => [], ollama: () => [], served: async () => [] };
const asked = (text: string, atHand = NOTHING, model?: string): Promise<void> =>
  needModel(model, [{ text: "4 9 10 13 = 24 :" }, { text }], atHand);

it("lets puzzles pass, and whatever a model was named for", async () => {
  await asked("1 2 3 4 = 17 :");
  await asked("1 2 3 4 = 24");
  await asked("Who wrote Emma?", NOTHING, "game24");
});

it("names what is at hand, wherever it is", async () => {
  const atHand: AtHand = {
    cached: () => [{ name: "some/model" }],
    ollama: () => [{ name: "ollama:tiny" }],
    served: async () => ["openai:big"],
  };
  await expect(asked("Who wrote Emma?", atHand)).rejects.toThrow(
    'and "Who wrote Emma?" is none: name a model with --model; at hand are ollama:tiny, some/model, openai:big',
  );
  const many = { ...NOTHING, cached: () => Array.from({ length: 9 }, (_, at) => ({ name: `m/${at}` })) };
  await expect(asked("?", many)).rejects.toThrow(/at hand are m\/0, .*m\/5 and 3 more$/);
});

it("says how to get a small one where there is none", async () => {
  await expect(asked("1 2 3 = 24 :")).rejects.toThrow(
    /a small one is fetched with: npx whetstone models pull HuggingFaceTB\/SmolLM2-135M-Instruct \(0\.3 GB\)$/,
  );
});
