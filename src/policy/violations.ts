import { UsageError } from "../core/errors.js";
import type { Policy, Prompt, Response, SampleRequest, SamplingOptions } from "./policy.js";

/** A policy to hold to what `Policy` promises. */
export interface PolicyContract {
  /** A policy of its own for each call, always the same one. */
  readonly make: () => Promise<Policy>;
  /** At least two. */
  readonly prompts: readonly Prompt[];
  /** At least 3, and enough for some responses to end by themselves. */
  readonly maxTokens: number;
  /** Of log-probabilities, in nats. Default 1e-9. */
  readonly tolerance?: number;
}

/** What the checks look at: one policy, and what it drew for every request. */
interface Drawn {
  readonly policy: Policy;
  readonly prompts: readonly Prompt[];
  readonly requests: readonly SampleRequest[];
  readonly options: SamplingOptions;
  readonly responses: readonly Response[];
  readonly near: (a: ArrayLike<number>, b: ArrayLike<number>) => boolean;
}

const SAMPLES = 8;
const SEED = 5;

const nameOf = ({ promptId, index }: Response): string => `response ${index} to "${promptId}"`;
const keyOf = (promptId: string, index: number): string => `${promptId} ${index}`;
/** Tokens, text and end; log-probabilities may round differently in another batch. */
const content = ({ promptId, index, text, tokens, finish }: Response): string =>
  JSON.stringify([promptId, index, text, tokens, finish]);
const contents = (responses: readonly Response[]): string => responses.map(content).join("\n");

async function collect(responses: AsyncIterable<Response>): Promise<Response[]> {
  const all: Response[] = [];
  for await (const response of responses) all.push(response);
  return all.sort((a, b) => (a.promptId < b.promptId ? -1 : a.promptId > b.promptId ? 1 : a.index - b.index));
}

/**
 * What a policy breaks of its contract, one sentence each; empty if nothing. Abilities that its record (`can`) does not claim are
 * not asked for.
 * @example
 * ```ts
 * import { LocalPolicy, modelFolder } from "whetstone";
 * import { policyViolations } from "whetstone/testing";
 * const found = await policyViolations({
 *   make: () => LocalPolicy.load(modelFolder("game24"), { threads: 1 }),
 *   prompts: ["4 9 10 13 = 24 :", "1 2 3 4 = 24 :"].map((text) => ({ id: text, text })),
 *   maxTokens: 12,
 *   tolerance: 1e-4,
 * });
 * console.log(found); // → []
 * ```
 */
export async function policyViolations(contract: PolicyContract): Promise<readonly string[]> {
  const { make, prompts, maxTokens, tolerance = 1e-9 } = contract;
  const requests = prompts.flatMap((prompt) =>
    Array.from({ length: SAMPLES }, (_, index) => ({ prompt, index })),
  );
  const options = { temperature: 1, maxTokens, seed: SEED };
  const policy = await make();
  try {
    const drawn: Drawn = {
      policy,
      prompts,
      requests,
      options,
      responses: await collect(policy.sample(requests, options)),
      near: (a, b) =>
        a.length === b.length && Array.from(a).every((value, i) => Math.abs(value - b[i]!) <= tolerance),
    };
    const found: string[] = [...responseViolations(drawn)];
    // One after the other: a policy may hold one batch at a time.
    for (const check of [scoring, temperature, independence, greedy, cutting, abandoning, continuing])
      found.push(...(await check(drawn)));
    return [...found, ...(await disposalViolations(drawn, make))];
  } finally {
    await policy.dispose();
  }
}

/** One response a request, each with a log-probability for each token. */
function responseViolations({ responses, requests, options }: Drawn): string[] {
  const found: string[] = [];
  const asked = new Set(requests.map(({ prompt, index }) => keyOf(prompt.id, index)));
  const got = responses.map(({ promptId, index }) => keyOf(promptId, index));
  if (got.length !== asked.size || !got.every((key) => asked.delete(key)))
    found.push(`${requests.length} requests have ${responses.length} responses, not one each`);
  for (const response of responses) {
    const { tokens, logProbs, certainties, finish } = response;
    if (tokens.length > 0 && logProbs.length !== tokens.length)
      found.push(`${nameOf(response)} has ${logProbs.length} log-probabilities for ${tokens.length} tokens`);
    if (certainties && certainties.length !== logProbs.length)
      found.push(`${nameOf(response)} has ${certainties.length} certainties for ${logProbs.length} tokens`);
    if (!logProbs.every((value) => value <= 1e-3 && value > -Infinity))
      found.push(`${nameOf(response)} has a log-probability above 0 or without end`);
    if (logProbs.length < 1 || logProbs.length > options.maxTokens)
      found.push(`${nameOf(response)} has ${logProbs.length} tokens, not 1 to ${options.maxTokens}`);
    if (finish === "length" && logProbs.length !== options.maxTokens)
      found.push(`${nameOf(response)} is cut at ${logProbs.length} tokens, before maxTokens`);
  }
  if (new Set(responses.map(({ promptId, text }) => `${promptId} ${text}`)).size <= 1)
    found.push("every sample of every prompt is the same");
  return found;
}

/** What `logProb` says of samples. */
async function scoring({ policy, prompts, responses, near }: Drawn): Promise<string[]> {
  if (!policy.can.scores) return [];
  const scored = await policy.logProb(examplesOf(responses, prompts));
  return responses.flatMap((response, i) =>
    near(scored[i] ?? [], response.logProbs)
      ? []
      : [`${nameOf(response)} was drawn with other log-probabilities than logProb gives`],
  );
}

/** Another temperature draws other responses, and leaves their log-probabilities at temperature 1. */
async function temperature({
  policy,
  prompts,
  requests,
  options,
  responses,
  near,
}: Drawn): Promise<string[]> {
  if (!policy.can.temperatures) return [];
  const cold = await collect(policy.sample(requests, { ...options, temperature: 0.4 }));
  const found =
    contents(cold) === contents(responses) ? ["temperature 0.4 draws the same as temperature 1"] : [];
  if (!policy.can.scores) return found;
  const scored = await policy.logProb(examplesOf(cold, prompts));
  if (!cold.every(({ logProbs }, i) => near(scored[i] ?? [], logProbs)))
    found.push("log-probabilities at temperature 0.4 are not those at temperature 1");
  return found;
}

/** A sample is a function of seed, prompt and index alone. */
async function independence({ policy, requests, options, responses, near }: Drawn): Promise<string[]> {
  const found: string[] = [];
  const reversed = await collect(policy.sample([...requests].reverse(), options));
  if (contents(reversed) !== contents(responses)) found.push("samples depend on the order of the requests");
  const some = requests.filter((_, i) => i % 5 === 2);
  const kept = new Set(some.map(({ prompt, index }) => keyOf(prompt.id, index)));
  const same = responses.filter(({ promptId, index }) => kept.has(keyOf(promptId, index)));
  const few = await collect(policy.sample(some, options));
  if (contents(few) !== contents(same)) found.push("samples depend on what else is drawn");
  else if (!few.every(({ logProbs }, i) => near(logProbs, same[i]!.logProbs)))
    found.push("log-probabilities depend on what else is drawn");
  const other = await collect(policy.sample(requests, { ...options, seed: SEED + 1 }));
  if (contents(other) === contents(responses)) found.push("another seed draws the same");
  return found;
}

/** The greedy response of each prompt, the same each time. */
async function greedy({ policy, prompts, options, responses, near }: Drawn): Promise<string[]> {
  if (!policy.can.greedy) return [];
  const { maxTokens } = options;
  const found: string[] = [];
  const first = await collect(policy.greedy(prompts, { maxTokens }));
  if (first.length !== prompts.length || !first.every(({ index }) => index === -1))
    found.push("greedy does not give one response of index -1 for each prompt");
  if (contents(first) !== contents(await collect(policy.greedy(prompts, { maxTokens }))))
    found.push("greedy differs the second time");
  for (const { promptId, tokens, logProbs } of first) {
    for (const sample of responses.filter((response) => response.promptId === promptId)) {
      // Where a sample leaves the greedy response, it takes a token that is no more probable.
      const at = tokens.findIndex((token, i) => token !== sample.tokens[i]);
      if (at < 0 || at >= sample.tokens.length) continue;
      const [taken, best] = [sample.logProbs[at]!, logProbs[at]!];
      if (taken > best && !near([taken], [best]))
        found.push(`greedy passes over a likelier token of "${promptId}" at position ${at}`);
    }
  }
  return found;
}

/** `maxTokens` cuts, and changes nothing else. */
async function cutting({ policy, requests, options, responses }: Drawn): Promise<string[]> {
  const limit = options.maxTokens - 1;
  const cut = await collect(policy.sample(requests, { ...options, maxTokens: limit }));
  const right = cut.every(({ logProbs, tokens, finish }, i) => {
    const whole = responses[i]!;
    const ended = whole.finish === "stop" && whole.logProbs.length <= limit;
    const shown = tokens.length === 0 || tokens.join() === whole.tokens.slice(0, limit).join();
    return shown && logProbs.length <= limit && finish === (ended ? "stop" : "length");
  });
  return right ? [] : ["a lower maxTokens does more than cut responses"];
}

/** `abandon` drops what it is true for, and nothing else. */
async function abandoning({ policy, requests, options, responses }: Drawn): Promise<string[]> {
  const abandon: SamplingOptions["abandon"] = ({ index }) => index % 3 === 0;
  const kept = await collect(policy.sample(requests, { ...options, abandon }));
  // A response that is whole after its first token is never asked about.
  const expected = responses.filter(({ index, logProbs }) => index % 3 !== 0 || logProbs.length === 1);
  return contents(kept) === contents(expected) ? [] : ["abandon does not drop exactly what it is true for"];
}

/** A sample's own beginning, given back, has the same continuation. */
async function continuing({ policy, prompts, options, responses }: Drawn): Promise<string[]> {
  if (!policy.can.continues) return [];
  const long = responses.filter(({ tokens }) => tokens.length > 2);
  const given = long.map(({ promptId, index, tokens }) => ({
    prompt: promptOf(prompts, promptId),
    index,
    prefix: tokens.slice(0, 1 + (index % (tokens.length - 1))),
  }));
  const rest = await collect(policy.sample(given, options));
  const wanted = long.map((whole, i) => ({ ...whole, tokens: whole.tokens.slice(given[i]!.prefix.length) }));
  return contents(rest) === contents(wanted)
    ? []
    : ["a sample's own beginning, given back, goes on otherwise"];
}

/** The digest is that of what it draws from; after `dispose` every call is refused. */
async function disposalViolations(
  { policy, requests, options }: Drawn,
  make: () => Promise<Policy>,
): Promise<string[]> {
  const other = await make();
  const found = other.digest === policy.digest ? [] : ["the same policy, made again, has another digest"];
  await other.dispose();
  await other.dispose();
  const refused = await collect(other.sample(requests, options)).then(
    () => false,
    (error: unknown) => error instanceof UsageError,
  );
  return refused ? found : [...found, "after dispose it still draws, or fails without a UsageError"];
}

function promptOf(prompts: readonly Prompt[], id: string): Prompt {
  const prompt = prompts.find((candidate) => candidate.id === id);
  if (prompt === undefined) throw new UsageError(`A response names the prompt "${id}", which was not asked.`);
  return prompt;
}

const examplesOf = (responses: readonly Response[], prompts: readonly Prompt[]) =>
  responses.map(({ promptId, tokens }) => ({ prompt: promptOf(prompts, promptId), tokens }));
