import { moduleOf, withModule } from "../core/module-origin.js";
import type { PartialResponse, Policy, Prompt, Response, Unrounded } from "../policy/policy.js";
import type { Pruner } from "../reward/pruning.js";
import { choose, withScore, type Pool, type SelfReward } from "../reward/self-reward.js";
import { Rounding } from "./rounding.js";

/** Responses that are scored at once, the likeliest first: the first few mostly settle it. */
const AT_ONCE = 4;

/** Responses with their scores, and the place of the chosen one. */
export interface Scores {
  readonly finished: readonly Response[];
  readonly scores: readonly number[];
  readonly best: number;
}

/** What is known of a model's rounding, for all who choose among what it draws. */
interface Known {
  readonly rounding: Rounding;
  /** Responses as the unrounded model sees them. */
  readonly exact: WeakMap<Response, Response>;
}

const known = new WeakMap<Unrounded, Known>();

function knownOf(unrounded: Unrounded): Known {
  const before = known.get(unrounded);
  if (before) return before;
  const made = { rounding: new Rounding(), exact: new WeakMap<Response, Response>() };
  known.set(unrounded, made);
  return made;
}

/** Chooses exactly among what a policy draws whose weights are rounded; undefined where they are not, or where the reward reads no log π. */
export function exactChoice({ unrounded }: Policy, reward: SelfReward): ExactChoice | undefined {
  if (!unrounded || reward.ofLogProbs === "none") return undefined;
  return new ExactChoice(unrounded, reward, knownOf(unrounded));
}

/**
 * A reward that scores all responses of a pool as the policy's unrounded self sees them, for whoever measures it at every N. Of a policy
 * that is not rounded, and of a reward by anything but each response's own log π, the reward as it is.
 */
export function exactly(policy: Policy, reward: SelfReward): SelfReward {
  const exact = reward.ofLogProbs === "own" ? exactChoice(policy, reward) : undefined;
  if (!exact) return reward;
  const scored = withScore(reward, async (pool) => reward.score(await exact.seen(pool)));
  const module = moduleOf(reward);
  return module ? withModule(scored, module) : scored;
}

/**
 * The exact best of responses that a rounded model drew. Of a reward by each response's own log π, those are scored by the unrounded model
 * that could be the best, by what was measured of the rounding (`Rounding`); of any other that reads log π, all are.
 */
export class ExactChoice {
  private readonly rounding: Rounding;
  private readonly exact: WeakMap<Response, Response>;

  constructor(
    private readonly unrounded: Unrounded,
    private readonly reward: SelfReward,
    { rounding, exact }: Known,
  ) {
    this.rounding = rounding;
    this.exact = exact;
  }

  /** The pool as the unrounded model sees it. */
  async seen(pool: Pool): Promise<Pool> {
    await this.score(pool.prompt, pool.responses);
    return { ...pool, responses: pool.responses.map((each) => this.exact.get(each)!) };
  }

  /** Learns from a response how far rounding goes, as long as too little is known of it. */
  async measure(prompt: Prompt, response: Response): Promise<void> {
    if (this.rounding.isKnown || this.exact.has(response)) return;
    await this.score(prompt, [response]);
    this.rounding.take(response.logProbs, this.exact.get(response)!.logProbs);
  }

  /** A rule that drops a response only if it could not be chosen however both it and the best one were rounded. */
  pruner(inner: Pruner): Pruner {
    const { rounding } = this;
    const waiting: Response[] = [];
    const atBest = (partial: PartialResponse): PartialResponse => {
      const { centre, margin } = rounding.bounds(partial.logProb, partial.length);
      return { ...partial, logProb: centre + margin };
    };
    return {
      finished: (response) => {
        waiting.push(response);
        if (!rounding.isKnown) return;
        for (const each of waiting.splice(0)) inner.finished(this.exact.get(each) ?? rounding.at(each, -1));
      },
      hopeless: (partial) => rounding.isKnown && inner.hopeless(atBest(partial)),
      ...(inner.why && { why: (partial) => inner.why!(atBest(partial)) }),
    };
  }

  /**
   * The choice from a pool. Responses that were scored exactly come with exact log-probabilities; of the others, which cannot be the
   * best, the score is the middle of what it can be.
   */
  async choose(pool: Pool): Promise<Scores> {
    const { prompt, responses } = pool;
    if (this.reward.ofLogProbs !== "own") await this.score(prompt, responses);
    else await this.scoreFinalists(pool);
    const finished = responses.map((each) => this.exact.get(each) ?? each);
    const scores = await this.scoresOf(pool, 0);
    const best = choose(scores.map((score, i) => (this.exact.has(responses[i]!) ? score : -Infinity)));
    return { finished, scores, best };
  }

  /** Scores the likeliest, a few at a time, until no other could be the best. */
  private async scoreFinalists(pool: Pool): Promise<void> {
    const { prompt, responses } = pool;
    for (;;) {
      const most = await this.scoresOf(pool, 1);
      const isExact = (i: number): boolean => this.exact.has(responses[i]!);
      const best = Math.max(-Infinity, ...most.filter((_, i) => isExact(i)));
      const open = [...responses.keys()].filter((i) => !isExact(i) && most[i]! >= best);
      if (open.length === 0) return;
      open.sort((a, b) => most[b]! - most[a]!);
      await this.score(
        prompt,
        open.slice(0, AT_ONCE).map((i) => responses[i]!),
      );
    }
  }

  /** Scores of the pool: exact where that is known, else at this side of their bounds. */
  private scoresOf(pool: Pool, side: 0 | 1): Promise<readonly number[]> {
    const responses = pool.responses.map((each) => this.exact.get(each) ?? this.rounding.at(each, side));
    return this.reward.score({ ...pool, responses });
  }

  /** Has the unrounded model score those of the responses that it has not scored yet. */
  private async score(prompt: Prompt, responses: readonly Response[]): Promise<void> {
    const unknown = responses.filter((response) => !this.exact.has(response));
    if (unknown.length === 0) return;
    const rows = await this.unrounded.score(unknown.map(({ tokens }) => ({ prompt, tokens })));
    unknown.forEach((response, i) => {
      const logProbs = Array.from(rows[i]!.logProbs);
      const certainties = Array.from(rows[i]!.certainties);
      this.rounding.check(response.logProbs, logProbs);
      this.exact.set(response, { ...response, logProbs, certainties });
    });
  }
}
