import { join } from "node:path";
import { randomStream } from "../core/random.js";
import { LocalPolicy } from "../policy/local-policy.js";
import type { Policy, Prompt, Response, SampleRequest, SamplingOptions } from "../policy/policy.js";
import { sequentialPolicy } from "../policy/sequential.js";
import type { ModelConfig } from "../transformer/families/config.js";
import { digestOf } from "../transformer/model.js";
import { randomWeights, tinyModel, type TinyName } from "../transformer/tiny-models.test-helper.js";
import { loadTokenizer, type Tokenizer } from "../transformer/text/tokenizer.js";

/** Prompts `p0`, `p1`, … of different texts, all of them of game24's first 64 tokens. */
export const promptsOf = (count: number): Prompt[] =>
  Array.from({ length: count }, (_, i) => ({ id: `p${i}`, text: `${i % 14} 9 ${Math.floor(i / 14)} :` }));

const gameTokenizer = (): Promise<Tokenizer> =>
  loadTokenizer(join(import.meta.dirname, "../../models/game24"));

/** One of the models that transformers saved; its 64 tokens are read as the first 64 of game24's. */
export async function tinyPolicy(name: TinyName, rows = 512): Promise<LocalPolicy> {
  const model = await tinyModel(name);
  return LocalPolicy.of({ ...model, tokenizer: await gameTokenizer() }, { threads: 1, rows });
}

/** A random transformer over the whole vocabulary of game24: its responses are nonsense, but real text. */
export async function tinyGamePolicy(rows = 512): Promise<LocalPolicy> {
  const tokenizer = await gameTokenizer();
  const config: ModelConfig = {
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 16,
    intermediateSize: 24,
    layers: 1,
    heads: 2,
    kvHeads: 1,
    headDim: 8,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    maxPositions: 48,
    tieWordEmbeddings: true,
    bosTokenId: 1,
    eosTokenIds: [2],
    padTokenId: 0,
  };
  const weights = randomWeights(config, 7, 0.3);
  const digest = digestOf(config, weights);
  const model = { name: "tiny-game", folder: "tiny-game", config, weights, tokenizer, digest };
  return LocalPolicy.of(model, { threads: 1, rows });
}

/** Words `a`, `b`, `c` and an end: the conditionals differ by prompt and prefix, and ends become likelier. */
export function wordPolicy(): Policy {
  return sequentialPolicy({
    name: "words",
    fingerprint: "words",
    endToken: 3,
    word: (token) => "abc"[token]!,
    next: (promptId, prefix) => {
      const stream = randomStream(5, `${promptId} ${prefix.join(" ")}`);
      const weights = [0, 1, 2].map(() => stream.next() ** 2 + 0.01);
      const total = weights.reduce((a, b) => a + b, 0.2 + prefix.length / 3);
      return Float64Array.from([...weights, 0.2 + prefix.length / 3], (weight) => Math.log(weight / total));
    },
  });
}

/**
 * The same policy with its responses drawn side by side, as a batch does: in each round some unfinished response of the
 * next `rows` gains a token, in random order, so that later ones may finish, or be dropped, before earlier ones.
 */
export function interleaved(policy: Policy, rows: number, orderSeed: number): Policy {
  async function* sample(
    requests: Iterable<SampleRequest>,
    options: SamplingOptions,
  ): AsyncGenerator<Response> {
    const { abandon, ...plain } = options;
    const stream = randomStream(orderSeed, "interleaving");
    const source = requests[Symbol.iterator]();
    const open: { readonly response: Response; length: number; logProb: number }[] = [];
    for (;;) {
      for (let next; open.length < rows && !(next = source.next()).done;) {
        for await (const response of policy.sample([next.value], plain))
          open.push({ response, length: 0, logProb: 0 });
      }
      if (open.length === 0) return;
      const at = stream.integer(open.length);
      const row = open[at]!;
      const { promptId, index, logProbs } = row.response;
      row.logProb += logProbs[row.length++]!;
      if (row.length === logProbs.length) {
        open.splice(at, 1);
        yield row.response;
      } else if (abandon?.({ promptId, index, length: row.length, logProb: row.logProb })) open.splice(at, 1);
    }
  }
  return { ...policy, sample };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
