import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { LocalPolicy } from "../../src/policy/local-policy.js";
import type { Response } from "../../src/policy/policy.js";

/** What transformers makes of a real model's file: greedy tokens with their log-probabilities (scripts/golden). */
export interface Continuation {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly tokens: readonly number[];
  /** In nats. */
  readonly logProbs: readonly number[];
}

/** The golden file of a real model. */
export function goldenOf<G extends { readonly continuations: readonly Continuation[] }>(name: string): G {
  return JSON.parse(
    readFileSync(join(import.meta.dirname, "..", "models", `${name}.golden.json`), "utf8"),
  ) as G;
}

/** The path of a real model's file, fetched where it is not there; undefined with a notice where it cannot be had. */
export function fetchedModel(name: "smollm2" | "qwen" | "gemma"): string | undefined {
  const script = join(import.meta.dirname, "..", "..", "scripts", "fetch-model.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, name], { encoding: "utf8" });
  if (status === 0) return stdout.trim().split("\n").at(-1);
  console.warn(`Notice: the tests of ${name} are skipped. ${stderr.trim()}`);
  return undefined;
}

/** That a policy tokenizes, goes on greedily and scores as transformers did, each log-probability within 1e-3 nats. */
export async function expectContinuations(
  policy: LocalPolicy,
  continuations: readonly Continuation[],
): Promise<void> {
  const prompts = continuations.map(({ prompt }, i) => ({ id: String(i), text: prompt }));
  const drawn = new Map<string, Response>();
  for await (const response of policy.greedy(prompts, { maxTokens: 24 }))
    drawn.set(response.promptId, response);
  const scored = await policy.logProb(
    continuations.map(({ tokens }, i) => ({ prompt: prompts[i]!, tokens })),
  );
  continuations.forEach(({ prompt, ids, tokens, logProbs }, i) => {
    const response = drawn.get(String(i))!;
    expect(ids.slice(-policy.encode(prompt).length), prompt).toEqual(policy.encode(prompt));
    expect(response.tokens, prompt).toEqual(tokens);
    logProbs.forEach((expected, t) => {
      expect(Math.abs(response.logProbs[t]! - expected), `${prompt}: ${t}`).toBeLessThan(1e-3);
      expect(Math.abs(scored[i]![t]! - expected), `${prompt}: ${t}`).toBeLessThan(1e-3);
    });
  });
}
