import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { blockModel, heldModel } from "../block-models.test-helper.js";
import { randomStream } from "../../core/random.js";
import { newAdapter } from "../decoder/lora.js";
import type { LoraAdapter } from "../format/peft.js";
import type { Model } from "../model.js";
import { Runtime } from "../runtime.js";
import { collect, largestDifference, randomAdapter, randomModel } from "../tiny-models.test-helper.js";
import type { Draw } from "./draw-request.js";

/** Tokens that one pass computes still. */
const LONGEST_PASS = 1024;
/** Of five blocks and a part of one, of four and one token, and one that is computed in one pass. */
const LENGTHS = [LONGEST_PASS + 300, LONGEST_PASS + 1, 40];
const PROMPTS = LENGTHS.map((length, p) =>
  Array.from({ length }, (_, i) => 4 + ((7 * i * i + 11 * i + 5 * p) % 90)),
);
const SAMPLING = { temperature: 1, maxTokens: 6, seed: 8 };
const WIDE = { hiddenSize: 64, intermediateSize: 96, headDim: 16, maxPositions: 2048, eosTokenIds: [] };

const cache = mkdtempSync(join(tmpdir(), "whetstone-long-"));
const models: Record<string, Model> = {};
let adapter: LoraAdapter;
beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", cache);
  const model = await randomModel(WIDE, 3);
  const { source, dequantized } = blockModel(model, cache);
  models["in memory"] = model;
  models["with a window"] = await randomModel({ ...WIDE, sliding: { window: 300, layers: [0] } }, 3);
  models["kept as blocks"] = await heldModel(dequantized, source, "keep");
  adapter = randomAdapter(newAdapter(model.config, { rank: 4 }, randomStream(1, "adapter")), 5, 0.3);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

async function drawn(
  runtime: Runtime,
  which: readonly number[],
  lora?: LoraAdapter,
): Promise<Draw<string>[]> {
  const requests = which.flatMap((p) =>
    [0, 1].map((index) => ({ tag: `${p}/${index}`, prompt: PROMPTS[p]!, promptKey: p, index })),
  );
  const feeds = lora && (await runtime.adapter(lora));
  const draws = await collect(runtime.draw(requests, { ...SAMPLING, rows: 16 }, feeds));
  return draws.sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

it.each(["in memory", "with a window", "kept as blocks"])(
  "a long prompt in blocks gives what one pass gives, to the bit whatever else is drawn (%s)",
  async (name) => {
    const runtime = new Runtime(models[name]!, { threads: 2 });
    const draws = await drawn(runtime, [0, 1, 2]);
    for (const p of PROMPTS.keys())
      expect(await drawn(runtime, [p])).toEqual(draws.filter(({ tag }) => tag.startsWith(`${p}/`)));
    // A given response is scored in one pass over prompt and response.
    const pairs = draws.map(({ tag, tokens }) => ({ prompt: PROMPTS[Number(tag[0])]!, response: tokens }));
    (await runtime.score(pairs)).forEach(({ logProbs }, i) => {
      expect(draws[i]!.tokens).toHaveLength(SAMPLING.maxTokens);
      expect(largestDifference(draws[i]!.logProbs, logProbs)).toBeLessThan(2e-4);
    });
    await runtime.dispose();
  },
);

it("a long prompt in blocks is the adapter's, where there is one", async () => {
  const runtime = new Runtime(models["in memory"]!, { threads: 2 });
  const draws = await drawn(runtime, [0, 2], adapter);
  const feeds = await runtime.adapter(adapter);
  const pairs = draws.map(({ tag, tokens }) => ({ prompt: PROMPTS[Number(tag[0])]!, response: tokens }));
  const [own, base] = [await runtime.score(pairs, feeds), await runtime.score(pairs)];
  draws.forEach(({ logProbs }, i) => {
    expect(largestDifference(logProbs, own[i]!.logProbs)).toBeLessThan(2e-4);
    expect(largestDifference(logProbs, base[i]!.logProbs)).toBeGreaterThan(1e-2);
  });
  await runtime.dispose();
});
