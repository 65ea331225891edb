import { UsageError } from "../core/errors.js";
import { canEncode, tellsFirstTokens, type FirstToken, type Policy, type Prompt } from "../policy/policy.js";
import type { Pool, SelfReward } from "./self-reward.js";

/** P(yes) in [0, 1] for each grading prompt, in the order given; those of one pool come together. */
export type JudgeScore = (gradingPrompts: readonly Prompt[]) => Promise<readonly number[]>;

/** How a judge grades. */
export interface JudgeOptions {
  /** The grading prompt's text; `{prompt}` and `{response}` stand for the two texts. Default: a plain yes-or-no question. */
  readonly template?: string;
  /** P(yes) for grading prompts. Default: `yesProbability` of the pool's policy, which must score and encode, or tell first tokens. */
  readonly score?: JudgeScore;
}

/** The continuations that count as a verdict. */
export interface Verdicts {
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

/** The grading prompt of a judge that is given none; ends where the verdict begins. */
const GRADING_TEMPLATE =
  "Question:\n{prompt}\n\nProposed answer:\n{response}\n\nIs the proposed answer correct? Answer yes or no.\nAnswer:";

const REQUESTS_AT_ONCE = 8;

const VERDICTS: Verdicts = { yes: [" yes", " Yes"], no: [" no", " No"] };

/** log Σ exp; -Infinity for no terms or zero probabilities only. */
function logSumExp(values: readonly number[]): number {
  const largest = Math.max(-Infinity, ...values);
  if (largest === -Infinity) return -Infinity;
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

function distinctTokens(
  texts: readonly string[],
  encode: (text: string) => readonly number[],
): (readonly number[])[] {
  const found = new Map<string, readonly number[]>();
  for (const text of texts) {
    const tokens = encode(text);
    if (tokens.length === 0)
      throw new UsageError(`The verdict "${text}" has no tokens in this model: choose another word.`);
    found.set(tokens.join(","), tokens);
  }
  return [...found.values()];
}

/**
 * P(yes) among the verdicts, by the policy itself: π(yes | grading prompt) / (π(yes) + π(no)), each summed over its
 * spellings; spellings with the same tokens count once. 0 where the policy gives both no probability at all. One call of the
 * policy scores all grading prompts, so that they are batched as it likes.
 * @param encode text to the policy's token ids, without special tokens.
 * @throws UsageError where a verdict has no tokens.
 */
export function yesProbability(
  policy: Policy,
  encode: (text: string) => readonly number[],
  verdicts: Verdicts = VERDICTS,
): JudgeScore {
  const yes = distinctTokens(verdicts.yes, encode);
  const no = distinctTokens(verdicts.no, encode);
  const spellings = [...yes, ...no];
  return async (prompts) => {
    const scored = await policy.logProb(
      prompts.flatMap((prompt) => spellings.map((tokens) => ({ prompt, tokens }))),
    );
    const sums = scored.map((logProbs) => logProbs.reduce((sum, value) => sum + value, 0));
    return prompts.map((_, at) => {
      const own = sums.slice(at * spellings.length, (at + 1) * spellings.length);
      const yesSum = logSumExp(own.slice(0, yes.length));
      const noSum = logSumExp(own.slice(yes.length));
      return yesSum === -Infinity ? 0 : 1 / (1 + Math.exp(noSum - yesSum));
    });
  };
}

/**
 * P(yes) among the first tokens that spell a verdict, with or without a space before it; 0 where none says yes.
 * @param tokens the likeliest first tokens of an answer to a grading prompt.
 */
function yesShare(tokens: readonly FirstToken[]): number {
  const mass = (words: readonly string[]): number => {
    const spelt = new Set(words.map((word) => word.trim()));
    return tokens
      .filter(({ text }) => spelt.has(text.trim()))
      .reduce((sum, { logProb }) => sum + Math.exp(logProb), 0);
  };
  const yes = mass(VERDICTS.yes);
  return yes === 0 ? 0 : yes / (yes + mass(VERDICTS.no));
}

/** For a server: its likeliest first tokens, a few requests at a time. */
function scoreByFirstTokens(policy: Policy & Required<Pick<Policy, "firstTokens">>): JudgeScore {
  return async (prompts) => {
    const shares: number[] = [];
    while (shares.length < prompts.length) {
      const some = prompts.slice(shares.length, shares.length + REQUESTS_AT_ONCE);
      shares.push(
        ...(await Promise.all(some.map(async (prompt) => yesShare(await policy.firstTokens(prompt))))),
      );
    }
    return shares;
  };
}

function scoreByPolicy(pool: Pool): JudgeScore {
  const { policy } = pool;
  if (policy && tellsFirstTokens(policy)) return scoreByFirstTokens(policy);
  if (policy === undefined || !policy.can.scores || !canEncode(policy)) {
    throw new UsageError(
      `The reward judge needs a model that can read a grading prompt, but the responses to prompt "${pool.prompt.id}" came ` +
        "without one: give the judge a scorer, or use another reward.",
    );
  }
  return yesProbability(policy, (text) => policy.encode(text));
}

/**
 * Model-as-judge (paper §1.1): the model is shown the prompt and a response, and r_self is its probability of "yes", in
 * [0, 1]. Pointwise; equal texts of a pool are graded once, all in one go.
 * @throws UsageError at once if the template lacks `{response}`; in `score` if there is neither a scorer nor a policy
 * that can encode.
 */
export function judge(options: JudgeOptions = {}): SelfReward {
  const template = options.template ?? GRADING_TEMPLATE;
  if (!template.includes("{response}")) {
    throw new UsageError("The judge's template has no {response}: say where the response to be graded goes.");
  }
  return {
    name: "judge",
    description: "The model's own probability that the response is correct, asked as a yes-or-no question.",
    needs: ["policy"],
    ofLogProbs: "none",
    score: async (pool) => {
      const grade = options.score ?? scoreByPolicy(pool);
      const texts = [...new Set(pool.responses.map(({ text }) => text))];
      const grades = await grade(
        texts.map((text, at) => ({
          id: `${pool.prompt.id}/judge/${at}`,
          text: fill(template, pool.prompt, text),
        })),
      );
      const gradeOf = new Map(texts.map((text, at) => [text, grades[at]!]));
      return pool.responses.map(({ text }) => gradeOf.get(text)!);
    },
  };
}

/** In one pass, so that a placeholder inside the prompt's or the response's own text stays as it is. */
function fill(template: string, prompt: Prompt, response: string): string {
  return template.replace(/\{(prompt|response)\}/g, (_, name) =>
    name === "prompt" ? prompt.text : response,
  );
}
