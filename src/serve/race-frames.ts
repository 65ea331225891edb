import type { ChosenFrame, FinishedFrame, OtherChoice, RaceFrame, TokenFrame } from "../page/race/frames.js";
import { sequenceLogProb, type Policy } from "../policy/policy.js";
import type { Pruner } from "../reward/pruning.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import type { AnswerEvent, DrawnEvent, FinishedEvent } from "../sharpen/answer-events.js";
import type { Answered } from "./answered.js";
import type { Question } from "./question.js";

/** What is told of a question. */
export type RaceQuestion = Pick<Question, "bestOf" | "extract" | "keepAll" | "prompt" | "reward">;
/** What is told of what came of it. */
export type RaceAnswered = Pick<Answered, "best" | "finished" | "drawn"> & {
  readonly question: RaceQuestion;
};

/** Tells the events of a question as a race. Where losers are drawn to their end, it tells all the same when each is out of it. */
export class RaceTeller {
  /** What each candidate's text was when it was last told, and how many of its log-probabilities. */
  private readonly told = new Map<number, { readonly text: string; readonly tokens: number }>();
  private readonly out = new Set<number>();
  private readonly pruner: Pruner | undefined;

  constructor(question: RaceQuestion, maxTokens: number) {
    const { bestOf: n, extract, keepAll, reward } = question;
    this.pruner = keepAll ? reward.pruner?.({ n, maxTokens, extract }) : undefined;
  }

  frames(event: AnswerEvent): RaceFrame[] {
    switch (event.kind) {
      case "drawn":
        return this.drawn(event);
      case "dropped": {
        const { index: c, length: at, logProb: sum, ruling } = event;
        return [{ kind: "pruned", c, at, sum, ...ruling }];
      }
      case "finished":
        return this.finished(event);
      case "chosen":
        return [];
    }
  }

  private drawn({ index: c, length: i, logProb: sum, logProbs, text, promptId }: DrawnEvent): RaceFrame[] {
    // A character that is only begun may become any other.
    const gained = this.gained(c, text.replace(/\uFFFD+$/, ""), i);
    const token: TokenFrame = { c, i, ...gained, lp: logProbs.map(short), sum: short(sum) };
    const partial = { promptId, index: c, length: i, logProb: sum };
    if (this.out.has(c) || this.pruner?.hopeless(partial) !== true) return [{ kind: "token", ...token }];
    this.out.add(c);
    const ruling = this.pruner.why?.(partial);
    return [
      { kind: "token", ...token },
      { kind: "pruned", c, at: i, sum: short(sum), ...ruling },
    ];
  }

  private finished({ response, leader }: FinishedEvent): RaceFrame[] {
    this.pruner?.finished(response);
    const { index: c, logProbs, text, finish } = response;
    const before = this.told.get(c)?.tokens ?? 0;
    const whole: FinishedFrame = {
      ...{ c, sum: short(sequenceLogProb(response)), tokens: logProbs.length },
      ...this.gained(c, text, logProbs.length),
      ...{ lp: Array.from(logProbs).slice(before).map(short), finish },
      ...(leader && { leader: { c: leader.index, score: leader.score } }),
    };
    return [{ kind: "finished", ...whole }];
  }

  /** What a candidate's text has beyond what was told of it. */
  private gained(c: number, text: string, tokens: number): Pick<TokenFrame, "text" | "keep"> {
    const before = this.told.get(c)?.text ?? "";
    let keep = 0;
    while (keep < before.length && before[keep] === text[keep]) keep++;
    this.told.set(c, { text, tokens });
    return { text: text.slice(keep), keep };
  }
}

/** Log-probabilities to a thousandth of a nat: a third of the bytes. */
const short = (value: number): number => Math.round(value * 1000) / 1000;

/** The choice, and what the other rewards, which the policy can give, would have chosen among those that are whole. */
export async function chosenFrame(
  answered: RaceAnswered,
  policy: Policy,
  others: readonly SelfReward[],
): Promise<ChosenFrame> {
  const { question, best, finished, drawn } = answered;
  const [first] = best;
  const rest = finished.filter((each) => each !== first);
  const second = rest.length > 0 ? rest[choose(rest.map(({ score }) => score))] : undefined;
  return {
    c: first!.response.index,
    why: {
      ...{ reward: question.reward.name, score: first!.score, whole: finished.length },
      ...(second && { runnerUp: { c: second.response.index, score: second.score } }),
      scores: finished.map(({ response, score }) => ({ c: response.index, score })),
      others: await otherChoices(answered, policy, others),
    },
    tokens: { drawn, chosen: first!.response.logProbs.length },
  };
}

/** Rewards that ask the model again are left out: the choice is to be there at once. */
async function otherChoices(
  { question, finished, best }: RaceAnswered,
  policy: Policy,
  others: readonly SelfReward[],
): Promise<OtherChoice[]> {
  const { prompt, extract, reward } = question;
  const responses = finished.map(({ response }) => response);
  const at = responses.indexOf(best[0]!.response);
  const asked = others.filter((other) => other.name !== reward.name && !other.needs.includes("policy"));
  return Promise.all(
    asked.map(async (other) => {
      const scores = await other.score({ prompt, responses, extract, policy });
      const choice = choose(scores);
      const c = responses[choice]!.index;
      return { reward: other.name, c, score: scores[choice]!, chosen: scores[at]! };
    }),
  );
}
