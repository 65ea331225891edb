import { describe, expect, it } from "vitest";
import { isHeldOut, multisetKey } from "../task/game24/puzzles.js";
import { trainingMultisets } from "../task/game24/training-data.js";
import { game24 } from "../task/game24/game24.js";
import { taskEntries } from "../task/registry.js";
import { checkFit } from "./fit-adapter.js";
import { methods } from "./methods/registry.js";
import { presetFor, presets } from "./presets.js";
import { splitPrompts, type PromptSplit } from "./prompts.js";

const keyOf = ({ text }: { readonly text: string }): number => {
  const match = /^(\d+) (\d+) (\d+) (\d+) = 24 :$/.exec(text);
  return multisetKey(match!.slice(1).map(Number));
};
const keys = (split: PromptSplit, name: keyof PromptSplit): Set<number> => new Set(split[name].map(keyOf));
const shared = (a: ReadonlySet<number>, b: ReadonlySet<number>): number[] =>
  [...a].filter((key) => b.has(key));

describe("presets", () => {
  it("are of tasks that exist, have settings in range, and say where they come from", () => {
    for (const { task, source, orders, ...preset } of presets) {
      expect(taskEntries.map(({ name }) => name)).toContain(task);
      for (const name of Object.keys(preset.training)) expect(Object.keys(methods)).toContain(name);
      for (const { trainN: _, trainPrompts: __, own: ___, ...settings } of Object.values(preset.training)) {
        expect(checkFit({ ...settings, seed: 1 })).toMatchObject(settings);
      }
      expect(source).not.toBe("");
      if (orders !== undefined) expect(game24({ orders }).prompts("train").length).toBeGreaterThan(1006);
    }
    expect(new Set(presets.map(({ model, task }) => `${model} ${task}`)).size).toBe(presets.length);
    expect(presetFor("game24", "game24")).toBe(presets[0]);
    expect(presetFor("game24", "other.jsonl")).toBeUndefined();
    expect(presetFor("other", "game24")).toBeUndefined();
  });

  // Every order that any number of orders asks for is among these: more orders only add prompts.
  it.each([presetFor("game24", "game24")!.orders ?? 1, 24])(
    "learn from no held-out puzzle, in either stage, with %d orders",
    (orders) => {
      const split = splitPrompts(game24({ orders }), { seed: 1 });
      const [test, train, validation] = [
        keys(split, "test"),
        keys(split, "train"),
        keys(split, "validation"),
      ];
      expect([test.size, train.size, validation.size]).toEqual([256, 1006, 100]);
      expect(split.train.length).toBeGreaterThan(orders * 650);
      const pretraining = new Set(trainingMultisets().map(multisetKey));
      expect(pretraining.size).toBe(1464);
      for (const learned of [pretraining, train, validation]) expect(shared(test, learned)).toEqual([]);
      for (const learned of [pretraining, train]) expect(shared(validation, learned)).toEqual([]);
      for (const numbers of trainingMultisets()) expect(isHeldOut([...numbers].reverse())).toBe(false);
    },
  );
});
