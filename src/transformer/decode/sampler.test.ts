import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InterruptedError } from "../../core/errors.js";
import { hash32 } from "../../core/random.js";
import { drawPlainly, plainLogits, type LogitsOf } from "../decoder/plain-decoder.test-helper.js";
import { Runtime } from "../runtime.js";
import type { Draw, DrawOptions, DrawRequest } from "./draw-request.js";
import {
  collect,
  largestDifference,
  randomAdapter,
  randomModel,
  tinyAdapter,
  tinyModel,
} from "../tiny-models.test-helper.js";
import { watchBuffers } from "./watch-buffers.test-helper.js";

let runtime: Runtime;
let logitsOf: LogitsOf;
beforeAll(async () => {
  runtime = new Runtime(await tinyModel("tiny-gqa"), { threads: 1 });
  logitsOf = plainLogits(runtime.model);
});
afterAll(() => runtime.dispose());

/** Prompts of 1 token, of two alike beginnings, and of more than a block (16) of the cache. */
const PROMPTS = [
  [1],
  [1, 17, 42],
  [1, 17, 43, 9],
  Array.from({ length: 16 }, (_, i) => 3 + i),
  Array.from({ length: 21 }, (_, i) => 60 - i),
];

type Tag = `${number}/${number}`;

const request = (prompt: number, index: number): DrawRequest<Tag> => ({
  tag: `${prompt}/${index}`,
  prompt: PROMPTS[prompt]!,
  promptKey: hash32(`prompt ${prompt}`),
  index,
});

/** `count` samples of each prompt, one prompt after the other. */
const samples = (count: number, prompts: readonly number[] = [...PROMPTS.keys()]): DrawRequest<Tag>[] =>
  prompts.flatMap((prompt) => Array.from({ length: count }, (_, index) => request(prompt, index)));

const SAMPLING = { temperature: 1, maxTokens: 40, seed: 9 };

const byTag = (draws: readonly Draw<Tag>[]): Map<Tag, Draw<Tag>> =>
  new Map(draws.map((drawn) => [drawn.tag, drawn]));

/** Equal tokens and ends; log-probabilities but for rounding, which the sizes of a batch's products change. */
function expectSame(drawn: readonly Draw<Tag>[], expected: ReadonlyMap<Tag, Draw<Tag>>): void {
  for (const { tag, tokens, finish, logProbs, certainties } of drawn) {
    const other = expected.get(tag)!;
    expect({ tag, tokens, finish }).toEqual({ tag, tokens: other.tokens, finish: other.finish });
    expect(largestDifference(logProbs, other.logProbs)).toBeLessThan(1e-4);
    expect(largestDifference(certainties, other.certainties)).toBeLessThan(1e-4);
  }
}

describe("what is drawn", () => {
  let expected: Map<Tag, Draw<Tag>>;
  beforeAll(async () => {
    expected = byTag(await collect(runtime.draw(samples(6), SAMPLING)));
  });

  test("is what a plain sampler draws, without cache, batch or native code", () => {
    expect(expected.size).toBe(6 * PROMPTS.length);
    for (const { tag, prompt, promptKey, index } of samples(6)) {
      const { tokens, logProbs, certainties, finish } = expected.get(tag)!;
      const drawing = { prompt, promptKey, index, ...SAMPLING };
      const plain = drawPlainly(logitsOf, runtime.model.config, drawing, tokens);
      expect({ tag, tokens }).toEqual({ tag, tokens: plain.tokens });
      expect(largestDifference(logProbs, plain.logProbs)).toBeLessThan(1e-4);
      expect(largestDifference(certainties, plain.certainties)).toBeLessThan(1e-4);
      expect(finish).toBe(tokens.at(-1) === 2 ? "stop" : "length");
    }
    const unaided = { ...request(1, 3), ...SAMPLING };
    expect(drawPlainly(logitsOf, runtime.model.config, unaided).tokens).toEqual(expected.get("1/3")!.tokens);
    const lengths = [...expected.values()].map(({ tokens }) => tokens.length);
    // Growth of the cache at 16 and 32 tokens, early ends and cuts all occur.
    expect(Math.max(...lengths)).toBe(40);
    expect(lengths.filter((length) => length > 16 && length < 32).length).toBeGreaterThan(0);
    expect(lengths.filter((length) => length < 16).length).toBeGreaterThan(2);
  });

  test.each<Partial<DrawOptions<Tag>>>([
    { rows: 1 },
    { rows: 2, rowsPerGroup: 1 },
    { rows: 3, rowsPerGroup: 3 },
    { rows: 7, rowsPerGroup: 4 },
    { rows: 64, rowsPerGroup: 64 },
    { rows: 64, rowsPerGroup: 1 },
  ])("does not depend on the batch: %o", async (layout) => {
    // A narrow batch takes many steps: two samples of each prompt do.
    const requests = samples(layout.rows! < 3 ? 2 : 6);
    const drawn = await collect(runtime.draw(requests, { ...SAMPLING, ...layout }));
    expect(drawn.length).toBe(requests.length);
    expectSame(drawn, expected);
  });

  test("is the same where a batch shrinks to more groups of fewer rows", async () => {
    // Three groups of eight rows, of which two each go on after the first token: four groups of two.
    const requests = samples(8, [1, 2, 3]);
    const early = (tag: Tag, { tokens }: { tokens: readonly number[] }): boolean =>
      Number(tag.split("/")[1]) < 6 && tokens.length === 1;
    const layout = { rows: 24, rowsPerGroup: 8, ends: early };
    const drawn = await collect(runtime.draw(requests, { ...SAMPLING, ...layout }));
    const alone = await collect(
      runtime.draw(requests, { ...SAMPLING, rows: 4, rowsPerGroup: 2, ends: early }),
    );
    expect(drawn.length).toBe(24);
    expect(drawn.filter(({ tokens }) => tokens.length > 1).length).toBeGreaterThan(2);
    expectSame(drawn, byTag(alone));
  });

  test("is the same while the batch shrinks with the rows that are left", async () => {
    const { engine } = runtime;
    const sizes: number[] = [];
    const request = engine.request.bind(engine);
    engine.request = (kind, message, ...rest) => {
      const { feeds } = message as { feeds?: Record<string, { dims: readonly number[] }> };
      if (feeds?.["uniforms"]) sizes.push(feeds["uniforms"].dims.reduce((a, b) => a * b, 1));
      return request(kind, message, ...rest);
    };
    try {
      // The first response to each prompt goes on alone.
      const abandon = (tag: Tag, length: number): boolean => !tag.endsWith("/0") && length >= 3;
      const drawn = await collect(
        runtime.draw(samples(6), { ...SAMPLING, rows: 30, rowsPerGroup: 6, abandon }),
      );
      expect(drawn.filter(({ tag }) => tag.endsWith("/0")).length).toBe(PROMPTS.length);
      expectSame(drawn, expected);
    } finally {
      engine.request = request;
    }
    // Five groups of six rows, and one more for whole fours; then five of two, and one more.
    expect([...new Set(sizes)].slice(0, 2)).toEqual([36, 12]);
    expect(sizes.filter((size) => size > 12).length).toBeLessThan(5);
  });

  test("does not depend on the order of requests, nor on which are asked for", async () => {
    const shuffled = samples(6).sort((a, b) => hash32(a.tag) - hash32(b.tag));
    const drawn = await collect(runtime.draw(shuffled, { ...SAMPLING, rows: 5 }));
    expect(drawn.length).toBe(expected.size);
    expectSame(drawn, expected);
    expectSame(await collect(runtime.draw([request(3, 4)], SAMPLING)), expected);
  });

  test("is not changed by the abandonment of others; dropped are those that the rule names, and only they", async () => {
    const asked: Tag[] = [];
    const abandon = (tag: Tag, length: number): boolean => {
      asked.push(tag);
      return Number(tag.split("/")[1]) % 2 === 1 && length >= 3;
    };
    const drawn = await collect(runtime.draw(samples(6), { ...SAMPLING, rows: 4, abandon }));
    const short = (tag: Tag): boolean => expected.get(tag)!.tokens.length <= 3;
    const kept = samples(6).filter(({ tag, index }) => index % 2 === 0 || short(tag));
    expect(new Set(drawn.map(({ tag }) => tag))).toEqual(new Set(kept.map(({ tag }) => tag)));
    expectSame(drawn, expected);
    // Asked after each token but the last.
    for (const { tag, tokens } of drawn)
      expect(asked.filter((other) => other === tag).length).toBe(tokens.length - 1);
  });

  test("is shown to the abandonment rule with its length and the sum of its log-probabilities", async () => {
    const seen = new Map<Tag, number[]>();
    const abandon = (tag: Tag, length: number, logProb: number): boolean => {
      const sums = seen.get(tag) ?? [];
      expect(length).toBe(sums.push(logProb));
      seen.set(tag, sums);
      return false;
    };
    const drawn = await collect(runtime.draw(samples(3), { ...SAMPLING, abandon }));
    expect(drawn.length).toBe(3 * PROMPTS.length);
    for (const { tag, logProbs } of drawn) {
      let sum = 0;
      const sums = logProbs.slice(0, -1).map((logProb) => (sum += logProb));
      expect(largestDifference(seen.get(tag) ?? [], sums)).toBeLessThan(1e-12);
    }
  });

  test("does not depend on an adapter that is resident, nor on a session that takes adapters", async () => {
    const adapter = randomAdapter(await tinyAdapter(), 3, 0.5);
    const other = await runtime.adapter(adapter);
    const zero = await runtime.zeroAdapter(adapter.targetModules);
    const requests = samples(2);
    expectSame(await collect(runtime.draw(requests, SAMPLING, zero)), expected);
    const adapted = await collect(runtime.draw(requests, SAMPLING, other));
    const adaptedLogits = plainLogits(runtime.model, adapter);
    for (const { tag, prompt, promptKey, index } of requests) {
      const drawing = { prompt, promptKey, index, ...SAMPLING };
      const { tokens } = byTag(adapted).get(tag)!;
      const plain = drawPlainly(adaptedLogits, runtime.model.config, drawing, tokens);
      expect(tokens).toEqual(plain.tokens);
    }
    expectSame(await collect(runtime.draw(requests, SAMPLING)), expected);
    await Promise.all([other.dispose(), zero.dispose()]);
  });

  test("changes with the seed", async () => {
    const drawn = await collect(runtime.draw(samples(6), { ...SAMPLING, seed: 10 }));
    const changed = drawn.filter(
      ({ tag, tokens }) => tokens.join() !== expected.get(tag)!.tokens.join(),
    ).length;
    expect(changed).toBeGreaterThan(0.9 * drawn.length);
  });
});

test.each([0.3, 0.7, 1.6])(
  "temperature %f draws from the tempered distribution and reports log-probabilities at temperature 1",
  async (temperature) => {
    const options = { ...SAMPLING, maxTokens: 12, temperature };
    const drawn = byTag(await collect(runtime.draw(samples(3), options)));
    expect(drawn.size).toBe(3 * PROMPTS.length);
    for (const { tag, prompt, promptKey, index } of samples(3)) {
      const drawing = { prompt, promptKey, index, ...options };
      const { tokens, logProbs } = drawn.get(tag)!;
      const plain = drawPlainly(logitsOf, runtime.model.config, drawing, tokens);
      expect(tokens).toEqual(plain.tokens);
      expect(largestDifference(logProbs, plain.logProbs)).toBeLessThan(1e-4);
    }
  },
);

test("a vocabulary that is searched in two levels, one key head and a tied head draw as plainly", async () => {
  const model = await randomModel({ vocabSize: 1031, kvHeads: 1, layers: 1, tieWordEmbeddings: true });
  const wide = new Runtime(model, { threads: 1 });
  const plainly = plainLogits(model);
  const options = { temperature: 1, maxTokens: 20, seed: 4 };
  const requests = [5, 6].map((index) => ({ tag: index, prompt: [900, 30], promptKey: 8, index }));
  for (const { tag, tokens } of await collect(wide.draw(requests, options))) {
    const drawing = { prompt: [900, 30], promptKey: 8, index: tag, ...options };
    expect(tokens).toEqual(drawPlainly(plainly, model.config, drawing, tokens).tokens);
  }
  await wide.dispose();
});

test("log-probabilities are the same to the bit in every batch, with two threads and prompts of all lengths", async () => {
  // Sizes that leave remainders in kernels' tiles, and products long enough to be cut into slices.
  // As many key heads as heads: a prompt whose last response alone is missing would make products of one row.
  const sizes = { hiddenSize: 192, intermediateSize: 342, heads: 6, kvHeads: 6, headDim: 32 };
  const model = await randomModel({ ...sizes, vocabSize: 300, maxPositions: 512 });
  const threaded = new Runtime(model, { threads: 2 });
  const prompts = [2, 5, 30, 70, 300].map((length) => Array.from({ length }, (_, i) => 3 + ((i * 7) % 290)));
  const requests = prompts.flatMap((prompt, p) =>
    Array.from({ length: 12 }, (_, index) => ({ tag: `${p}/${index}`, prompt, promptKey: p, index })),
  );
  const options = { temperature: 1, maxTokens: 80, seed: 3 };
  const drawAll = async (chosen: typeof requests, layout: { rows: number; rowsPerGroup?: number }) =>
    (await collect(threaded.draw(chosen, { ...options, ...layout }))).sort((a, b) =>
      a.tag < b.tag ? -1 : 1,
    );
  const whole = await drawAll(requests, { rows: 64 });
  expect(whole.length).toBe(60);
  expect(Math.max(...whole.map(({ tokens }) => tokens.length))).toBeGreaterThan(64);
  expect(await drawAll([...requests].reverse(), { rows: 7, rowsPerGroup: 3 })).toEqual(whole);
  for (const [from, to] of [
    [0, 1],
    [13, 15],
    [11, 24],
    [30, 41],
    [59, 60],
  ] as const) {
    const part = requests.slice(from, to);
    const expected = whole.filter(({ tag }) => part.some((each) => each.tag === tag));
    expect(await drawAll(part, { rows: 64 })).toEqual(expected);
  }
  await threaded.dispose();
});

test.each([286, 289, 602, 2374])(
  "a response is the same to the bit in groups of every width, of a vocabulary of %d",
  async (vocabSize) => {
    // The last two are searched in two levels; of 2374, ten blocks.
    const sizes = { hiddenSize: 64, intermediateSize: 96, headDim: 16, maxPositions: 96 };
    const odd = new Runtime(await randomModel({ ...sizes, vocabSize }), { threads: 2 });
    const requests = [[3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1], [8]].flatMap((prompt, p) =>
      Array.from({ length: 8 }, (_, index) => ({ tag: `${p}/${index}`, prompt, promptKey: p, index })),
    );
    const drawIn = async (rows: number, rowsPerGroup: number) => {
      const settings = { temperature: 0.8, maxTokens: 24, seed: 5, narrowing: { topP: 0.9 } };
      const drawn = await collect(odd.draw(requests, { ...settings, rows, rowsPerGroup }));
      return drawn.sort((a, b) => (a.tag < b.tag ? -1 : 1));
    };
    const expected = await drawIn(24, 4);
    expect(expected.length).toBe(24);
    for (const [rows, rowsPerGroup] of [
      [8, 5],
      [12, 3],
      [24, 2],
      [40, 8],
    ] as const)
      expect(await drawIn(rows, rowsPerGroup)).toEqual(expected);
    await odd.dispose();
  },
);

test("a greedy response is the same to the bit alone, as a resumed run draws its last one", async () => {
  const sizes = { hiddenSize: 64, intermediateSize: 96, heads: 4, kvHeads: 4, headDim: 16 };
  const small = new Runtime(await randomModel({ ...sizes, vocabSize: 300, maxPositions: 128 }), {
    threads: 1,
  });
  const requests = [2, 5, 30].map((length, p) => ({
    ...{ tag: `${p}`, promptKey: p, index: 0 },
    prompt: Array.from({ length }, (_, i) => 3 + ((i * 7) % 290)),
  }));
  const options = { temperature: 1, maxTokens: 12, seed: 3, greedy: true };
  const together = await collect(small.draw(requests, options));
  for (const request of requests)
    expect(await collect(small.draw([request], options))).toEqual(
      together.filter(({ tag }) => tag === request.tag),
    );
  await small.dispose();
});

describe("stopping", () => {
  /** Counts what the source was asked for, and whether it was told that no more is wanted. */
  function counted(requests: readonly DrawRequest<Tag>[]) {
    const state = { pulled: 0, closed: false };
    function* pull(): Generator<DrawRequest<Tag>> {
      try {
        for (const each of requests) {
          state.pulled++;
          yield each;
        }
      } finally {
        state.closed = true;
      }
    }
    return { state, requests: pull() };
  }

  test("an aborted signal throws InterruptedError, before the first token or in the middle", async () => {
    const early = runtime.draw(samples(2), { ...SAMPLING, signal: AbortSignal.abort() });
    await expect(collect(early)).rejects.toThrow(InterruptedError);
    const controller = new AbortController();
    const { state, requests } = counted(samples(20));
    const drawn: Tag[] = [];
    const late = runtime.draw(requests, { ...SAMPLING, rows: 4, signal: controller.signal });
    const read = async (): Promise<void> => {
      for await (const { tag } of late) {
        drawn.push(tag);
        controller.abort();
      }
    };
    await expect(read()).rejects.toMatchObject({ code: "interrupted" });
    expect(drawn.length).toBeGreaterThan(0);
    expect(drawn.length).toBeLessThanOrEqual(4);
    expect(state.closed).toBe(true);
  });

  test("a loop that is left early frees the buffers and closes the source", async () => {
    const buffers = watchBuffers(runtime.engine);
    const { state, requests } = counted(samples(20));
    for await (const { tokens } of runtime.draw(requests, { ...SAMPLING, rows: 4 })) {
      expect(tokens.length).toBeGreaterThan(0);
      expect(buffers.live).toBeGreaterThan(0);
      break;
    }
    // Two layers' keys and values, of the prompts and of the rows.
    expect(buffers.made).toBeGreaterThanOrEqual(8);
    expect(buffers.live).toBe(0);
    expect(state.closed).toBe(true);
    expect(state.pulled).toBeLessThan(100);
  });

  test("a source that throws ends the drawing with its error, and frees the buffers", async () => {
    const buffers = watchBuffers(runtime.engine);
    function* broken(): Generator<DrawRequest<Tag>> {
      yield* samples(3, [0, 1]);
      throw new RangeError("no more prompts");
    }
    await expect(collect(runtime.draw(broken(), { ...SAMPLING, rows: 2 }))).rejects.toThrow(
      "no more prompts",
    );
    expect(buffers.made).toBeGreaterThan(0);
    expect(buffers.live).toBe(0);
  });

  test("nothing to draw draws nothing, and everything may be abandoned", async () => {
    expect(await collect(runtime.draw([], SAMPLING))).toEqual([]);
    const abandon = (): boolean => true;
    const drawn = await collect(runtime.draw(samples(3), { ...SAMPLING, abandon }));
    // Only a response whose first token is the end cannot be dropped.
    expect(drawn.every(({ tokens }) => tokens.length === 1 && tokens[0] === 2)).toBe(true);
  });

  test("after dispose the engine says so", async () => {
    const other = new Runtime(await tinyModel("tiny-tied"), { threads: 1 });
    expect(await collect(other.draw([request(0, 0)], { ...SAMPLING, maxTokens: 2 }))).toHaveLength(1);
    await other.dispose();
    await expect(collect(other.draw([request(0, 0)], SAMPLING))).rejects.toThrow(/disposed/);
    await expect(other.score([{ prompt: [1], response: [2] }])).rejects.toThrow(/disposed/);
  });
});
