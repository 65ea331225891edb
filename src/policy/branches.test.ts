import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tinyModel } from "../transformer/tiny-models.test-helper.js";
import { loadTokenizer } from "../transformer/text/tokenizer.js";
import { LocalPolicy } from "./local-policy.js";
import type { Policy, Prompt, RequestOptions, Response, SampleRequest } from "./policy.js";

const prompts: readonly Prompt[] = ["1 2", "3 4 5"].map((text, i) => ({ id: `p${i}`, text }));
const CALL = { temperature: 1, maxTokens: 20, seed: 6 };

/** Draws responses, then for each others that go on from it, all in one call; `rounds` times. */
async function branched(policy: Policy, chains: number, rounds: number): Promise<Response[]> {
  const asked: SampleRequest[] = [];
  let wake = (): void => undefined;
  const all: Response[] = [];
  let open = prompts.length * chains;
  const ask = (prompt: Prompt, index: number, round: number, from?: Response): void => {
    const keep = from ? Math.floor(((from.tokens.length - 1) * (round % 4)) / 3) : 0;
    const ended = (end: Response | undefined): void => {
      const whole = { ...end!, tokens: [...(from?.tokens.slice(0, keep) ?? []), ...end!.tokens] };
      all.push(end!);
      if (round < rounds) ask(prompt, index, round + 1, whole);
      else open--;
      wake();
    };
    const options: RequestOptions = {
      branches: true,
      temperature: 0.5,
      tellsDrawn: true,
      watcher: { ended },
    };
    const prefix = from?.tokens.slice(0, keep) ?? [];
    asked.push({ prompt, index: index * 100 + round, prefix, options });
  };
  async function* requests(): AsyncGenerator<SampleRequest> {
    for (;;) {
      if (asked.length > 0) yield asked.shift()!;
      else if (open === 0) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  for (const prompt of prompts) for (let chain = 0; chain < chains; chain++) ask(prompt, chain, 0);
  for await (const _ of policy.sample(requests(), CALL));
  return all.sort((a, b) => (a.promptId < b.promptId ? -1 : a.promptId > b.promptId ? 1 : a.index - b.index));
}

describe.each(["tiny-gqa", "tiny-tied"] as const)("responses that go on from each other, of %s", (name) => {
  const policies: LocalPolicy[] = [];
  const make = async (options: object): Promise<LocalPolicy> => {
    // The model has the first 64 of the tokenizer's tokens; they are all that the prompts need.
    const tokenizer = await loadTokenizer(join(import.meta.dirname, "../../models/game24"));
    const policy = LocalPolicy.of({ ...(await tinyModel(name)), tokenizer }, { threads: 1, ...options });
    policies.push(policy);
    return policy;
  };
  afterAll(async () => {
    for (const policy of policies) await policy.dispose();
  });

  it("are the same to the bit whether anything is kept or not, in batches of any size", async () => {
    const whole = await branched(await make({ rows: 16 }), 3, 8);
    // No memory: nothing is kept, and every step is computed anew.
    const bare = await branched(await make({ rows: 4, memory: 1 }), 3, 8);
    expect(whole).toHaveLength(2 * 3 * 9);
    expect(bare).toEqual(whole);
  });
});
