import type { RandomStream } from "../core/random.js";
import { categorical, drawOne, multinomial, type Categorical } from "./draws.js";
import type { Instance } from "./instance.js";
import { bestOfNLaw, drawUntilStop, levelsOf, type Level } from "./laws.js";

/** What a learner has used so far. */
export interface Spent {
  /** n: prompts drawn from μ. */
  readonly prompts: number;
  /** m: responses drawn (paper's sample complexity). */
  readonly draws: number;
  /** log π_base(y|x) asked for at a response that was not drawn from π_base. */
  readonly queries: number;
}

/** A response, how often it was drawn, and log π_base(y|x) in nats. */
export interface Drawn {
  readonly response: number;
  readonly count: number;
  readonly logProb: number;
}

/** A prompt, how many of the prompts drawn were it, and what was drawn for them, by response. */
export interface PromptDraws {
  readonly prompt: number;
  readonly times: number;
  readonly responses: readonly Drawn[];
}

/** Two responses to one prompt, how often this pair was drawn, and their log π_base. */
export interface DrawnPair {
  readonly prompt: number;
  readonly first: number;
  readonly second: number;
  readonly count: number;
  readonly firstLogProb: number;
  readonly secondLogProb: number;
}

/**
 * The sample-and-evaluate oracle (Def. 3.2): N is fixed before anything is seen; the learner asks for prompts and
 * gets N responses for each with their log-probabilities, and nothing else. What is exchangeable comes as counts.
 */
export interface SampleOracle {
  /** N. */
  readonly responsesPerPrompt: number;
  spent(): Spent;
  /** Draws n more prompts with N responses each, pooled by prompt. Costs n·N. */
  sample(n: number): readonly PromptDraws[];
  /**
   * The same, of which only each prompt's most likely response is kept (first drawn on ties). Costs n·N. In law it is
   * `sample` followed by that choice; it is drawn from the choice's exact law.
   */
  best(n: number): readonly PromptDraws[];
  /** The same for N = 2, keeping who was drawn with whom. Costs 2n. @throws RangeError when N is not 2. */
  pairs(n: number): readonly DrawnPair[];
}

/** The adaptive oracle (Def. D.1): how many responses a prompt gets may be decided on the fly. */
export interface AdaptiveOracle {
  spent(): Spent;
  /** Draws n more prompts: [prompt, times] pairs. No response yet. */
  prompts(n: number): readonly (readonly [number, number])[];
  /** Draws one response. Costs 1. */
  draw(prompt: number): Drawn;
  /** Draws k responses at once. Costs k. */
  respond(prompt: number, k: number): readonly Drawn[];
  /** Draws until the rule (10) fires and keeps the most likely, the first on ties. Costs N_μ. In law it is `draw`, repeated. */
  untilStop(prompt: number, mu: number): Drawn;
}

/** XPO's extension (paper §4): responses may also come from a policy of the learner's and be evaluated. */
export interface QueryOracle extends AdaptiveOracle {
  /** log π_base(y|x) at any (x, y). Costs one query. */
  query(prompt: number, response: number): number;
  /** One response from the learner's own row of probabilities, evaluated. Costs one draw and one query. */
  generate(prompt: number, row: Float64Array): Drawn;
}

interface Ledger {
  prompts: number;
  draws: number;
  queries: number;
}

/**
 * The oracles of an instance. They close over it: a learner that is handed one can reach neither μ nor π_base except
 * by drawing and asking, and every draw and query is counted.
 */
export function sampleOracle(
  instance: Instance,
  responsesPerPrompt: number,
  stream: RandomStream,
): SampleOracle {
  const n = responsesPerPrompt;
  const spent: Ledger = { prompts: 0, draws: 0, queries: 0 };
  const prompts = categorical(instance.weights);
  const responses = lazy(instance.base, (row) => row);
  const best = lazy(instance.base, (row) => bestOfNLaw(row, n));
  const pay = (count: number): void => {
    spent.prompts += count;
    spent.draws += count * n;
  };
  const evaluated = (prompt: number, counts: readonly (readonly [number, number])[]): Drawn[] =>
    counts.map(([response, count]) => ({
      response,
      count,
      logProb: Math.log(instance.base[prompt]![response]!),
    }));
  const pooled = (count: number, table: (x: number) => Categorical, each: number): PromptDraws[] => {
    pay(count);
    return multinomial(prompts, count, stream).map(([prompt, times]) => ({
      prompt,
      times,
      responses: evaluated(prompt, multinomial(table(prompt), times * each, stream)),
    }));
  };
  return {
    responsesPerPrompt: n,
    spent: () => ({ ...spent }),
    sample: (count) => pooled(count, responses, n),
    best: (count) => pooled(count, best, 1),
    pairs: (count) => {
      if (n !== 2) throw new RangeError(`pairs need N = 2, not ${n}`);
      return pooled(count, responses, 1).flatMap(({ prompt, responses: firsts }) =>
        firsts.flatMap((first) =>
          evaluated(prompt, multinomial(responses(prompt), first.count, stream)).map((second) => ({
            prompt,
            first: first.response,
            second: second.response,
            count: second.count,
            firstLogProb: first.logProb,
            secondLogProb: second.logProb,
          })),
        ),
      );
    },
  };
}

/** As `sampleOracle`, for learners of Def. D.1 and for XPO (which alone may query and generate). */
export function adaptiveOracle(instance: Instance, stream: RandomStream): QueryOracle {
  const spent: Ledger = { prompts: 0, draws: 0, queries: 0 };
  const prompts = categorical(instance.weights);
  const responses = lazy(instance.base, (row) => row);
  const levels = new Map<number, readonly Level[]>();
  const logProb = (prompt: number, response: number): number => Math.log(instance.base[prompt]![response]!);
  return {
    spent: () => ({ ...spent }),
    prompts: (n) => {
      spent.prompts += n;
      return multinomial(prompts, n, stream);
    },
    draw: (prompt) => {
      spent.draws++;
      const response = drawOne(responses(prompt), stream);
      return { response, count: 1, logProb: logProb(prompt, response) };
    },
    respond: (prompt, k) => {
      spent.draws += k;
      return multinomial(responses(prompt), k, stream).map(([response, count]) => ({
        response,
        count,
        logProb: logProb(prompt, response),
      }));
    },
    untilStop: (prompt, mu) => {
      const known = levels.get(prompt) ?? levelsOf(instance.base[prompt]!);
      levels.set(prompt, known);
      const { response, draws } = drawUntilStop(known, mu, stream);
      spent.draws += draws;
      return { response, count: 1, logProb: logProb(prompt, response) };
    },
    query: (prompt, response) => {
      spent.queries++;
      return logProb(prompt, response);
    },
    generate: (prompt, row) => {
      spent.draws++;
      spent.queries++;
      let left = stream.next();
      let response = row.length - 1;
      for (let y = 0; y < row.length; y++) {
        left -= row[y]!;
        if (left < 0) {
          response = y;
          break;
        }
      }
      return { response, count: 1, logProb: logProb(prompt, response) };
    },
  };
}

function lazy(
  rows: readonly Float64Array[],
  law: (row: Float64Array) => Float64Array,
): (x: number) => Categorical {
  const tables: (Categorical | undefined)[] = rows.map(() => undefined);
  return (x) => (tables[x] ??= categorical(law(rows[x]!)));
}
