import { expect, it } from "vitest";
import { capabilities, checkDrawing, requireAbility } from "./capabilities.js";

it("names who needs what is missing, what it is, and what to do", () => {
  const can = capabilities({ scores: true });
  expect(() => requireAbility({ name: "mute", can }, "scores", "The reward judge")).not.toThrow();
  expect(() => requireAbility({ name: "mute", can }, "certainties", "The reward self-certainty")).toThrow(
    /^The reward self-certainty needs the certainty of every token, which mute does not have: leave it out, or use a local model\.$/,
  );
  const hinted = capabilities({ remedies: { trains: "leave out --quantize to train" } });
  expect(() => requireAbility({ name: "small", can: hinted }, "trains", "SFT")).toThrow(
    /^SFT needs weights that can be trained, which small does not have: leave out --quantize to train\.$/,
  );
});

it("takes nothing for granted: what is not named is missing, and a longest sequence unknown", () => {
  const { longest, likeliest, remedies, ...abilities } = capabilities({});
  expect(longest).toBe(Infinity);
  expect(likeliest).toBe(0);
  expect(remedies).toEqual({});
  expect(new Set(Object.values(abilities))).toEqual(new Set([false]));
});

it("asks for temperatures only where another than 1 draws, and always for the greedy response", () => {
  const raw = { name: "raw", can: capabilities({ greedy: true }) };
  expect(() => checkDrawing(raw, 1)).not.toThrow();
  expect(() => checkDrawing(raw, 0.5)).toThrow(/^Drawing at temperature 0\.5 needs/);
  expect(() => checkDrawing({ name: "sampled", can: capabilities({ temperatures: true }) }, 0.5)).toThrow(
    /^The greedy response needs log-probabilities at temperature 1/,
  );
});
