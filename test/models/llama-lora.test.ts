import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fetchRealModel } from "../../scripts/fetch-model.mjs";
import { randomStream } from "../../src/core/random.js";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { newAdapter } from "../../src/transformer/decoder/lora.js";
import { saveAdapter, type LoraAdapter } from "../../src/transformer/format/peft.js";
import { commandLine, type CommandLine } from "../support/cli.js";

interface Answer {
  readonly without: readonly (readonly number[])[];
  readonly with: readonly (readonly number[])[];
}

interface Row {
  readonly prompt: readonly number[];
  /** The greedy continuation with the adapter. */
  readonly tokens: readonly number[];
  /** log π of each token with the adapter, and without it. */
  readonly ours: Float64Array;
  readonly base: Float64Array;
}

const PROMPTS = [
  "The capital of France is",
  "def add(a, b):\n    return",
  "Once upon a time, a fox",
  "7 + 5 =",
];
const ADAPTED = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/** The interpreter that has llama.cpp, where `npm run test:models` could make one. */
const LLAMA_PYTHON = process.env["WHETSTONE_LLAMA_PYTHON"];
const path = LLAMA_PYTHON === undefined ? undefined : await fetchRealModel("smollm2");
const folder = mkdtempSync(join(tmpdir(), "whetstone-lora-"));
let cli: CommandLine;
let policy: LocalPolicy;
beforeAll(async () => {
  if (path === undefined) return;
  cli = commandLine();
  policy = await LocalPolicy.load(path);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  if (path === undefined) return;
  cli.remove();
  await policy.dispose();
});

/** Large enough to change what the model says, on every linear. */
function randomAdapter(): LoraAdapter {
  const stream = randomStream(5, "adapter");
  const adapter = newAdapter(
    policy.runtime.model.config,
    { rank: 4, alpha: 8, targetModules: ADAPTED },
    stream,
  );
  for (const { b } of adapter.weights.values())
    for (let i = 0; i < b.length; i++) b[i] = 0.3 * stream.normal();
  return adapter;
}

it.skipIf(path === undefined)(
  "llama.cpp loads an exported adapter, and says with it what we say with it",
  async () => {
    const adapter = randomAdapter();
    await saveAdapter(join(folder, "adapter"), adapter, "smollm2");
    const lora = join(folder, "lora.gguf");
    await cli.json(["export", join(folder, "adapter"), lora, "--model", path!]);
    const adapted = await policy.withAdapter(adapter, "random");
    try {
      const rows: Row[] = [];
      for (const [index, text] of PROMPTS.entries()) {
        const prompt = { id: `${index}`, text };
        const tokens: number[] = [];
        for await (const response of adapted.greedy([prompt], { maxTokens: 8 }))
          tokens.push(...response.tokens);
        const [ours] = await adapted.logProb([{ prompt, tokens }]);
        const [base] = await policy.logProb([{ prompt, tokens }]);
        rows.push({ prompt: policy.encode(text), tokens, ours: ours!, base: base! });
      }
      const input = JSON.stringify({ rows: rows.map(({ prompt, tokens }) => ({ prompt, tokens })) });
      const script = join(import.meta.dirname, "llama_lora.py");
      const ended = spawnSync(LLAMA_PYTHON!, [script, path!, lora], { input, encoding: "utf8" });
      expect(ended.status, ended.stderr).toBe(0);
      const answer = JSON.parse(ended.stdout) as Answer;
      const differences = (theirs: readonly (readonly number[])[], which: "ours" | "base"): number[] =>
        rows.flatMap((row, r) => theirs[r]!.map((value, t) => Math.abs(value - row[which][t]!)));
      const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
      const noise = mean(differences(answer.without, "base"));
      const apart = mean(differences(answer.with, "ours"));
      const effect = mean(
        rows.flatMap(({ ours, base }) => Array.from(ours, (value, t) => Math.abs(value - base[t]!))),
      );
      console.log(
        `mean |Δ log π| a token: ${noise.toFixed(4)} without, ${apart.toFixed(4)} with the adapter, whose effect is ${effect.toFixed(3)}`,
      );
      // llama.cpp rounds activations to 8 bits: that much they differ without an adapter too.
      expect(noise).toBeLessThan(0.15);
      expect(apart).toBeLessThan(0.15);
      expect(effect).toBeGreaterThan(10 * apart);
    } finally {
      await adapted.dispose();
    }
  },
  300_000,
);
