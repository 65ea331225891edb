import { join } from "node:path";
import { expect } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import type { Response, ScoreRequest } from "../../src/policy/policy.js";
import { loadAdapter } from "../../src/transformer/format/peft.js";
import { recordsOf, type CommandLine } from "./cli.js";

/** Prompts that a tiny model reads, and responses of different lengths, for the contract of a trainer elsewhere. */
const prompts = [
  { id: "first", text: "4 9 10 13 = 24 :" },
  { id: "second", text: "1" },
  { id: "third", text: "1 2 3 4 = 24 : 1 +" },
] as const;
export const contractSequences: readonly ScoreRequest[] = [
  { prompt: prompts[0], tokens: [5, 6, 10] },
  { prompt: prompts[1], tokens: [7] },
  { prompt: prompts[2], tokens: [12, 3, 4, 8, 9] },
  { prompt: prompts[0], tokens: [2, 11] },
];

/**
 * Expects of what an adapter of a run of the model `tiny` drew on a trainer that the local engine gives it the same log-probabilities with
 * the adapter's files.
 */
export async function expectSaidHere(
  { folder: place }: CommandLine,
  run: string,
  method: string,
): Promise<void> {
  const folder = join(place, run, "adapters", method);
  const policy = await LocalPolicy.load(join(place, "tiny"), { threads: 1 });
  const adapted = await policy.withAdapter(await loadAdapter(folder));
  const drawn = recordsOf<Response>(join(folder, "responses.jsonl")).slice(0, 12);
  const asked = recordsOf<{ readonly id: string; readonly prompt: string }>(join(place, "prompts.jsonl"));
  const scored = await adapted.logProb(
    drawn.map(({ promptId, tokens }) => ({
      prompt: { id: promptId, text: asked.find(({ id }) => id === promptId)!.prompt },
      tokens,
    })),
  );
  expect(drawn.length).toBeGreaterThan(0);
  drawn.forEach(({ logProbs }, i) =>
    logProbs.forEach((value, t) => expect(Math.abs(value - scored[i]![t]!)).toBeLessThan(1e-3)),
  );
  await policy.dispose();
}
