import { UsageError } from "../../core/errors.js";
import { drawResamples, estimateMean, type Resamples } from "../../evaluate/bootstrap.js";
import { collapseSigns, type Guarded } from "../../evaluate/collapse.js";
import type { JudgedObjective } from "../../evaluate/metrics.js";
import { repetition } from "../../evaluate/repetition.js";
import { drawnBy, sequenceLogProb, type Policy, type Prompt, type Response } from "../../policy/policy.js";
import type { Trainer } from "../../policy/trainer.js";
import { byPlace, firstOf } from "../draw.js";
import { scoreUnder } from "../score-under.js";
import { baseResponses, isRelative, poolOf, rewarded, VALIDATION_RESPONSES } from "./base-responses.js";
import type { MethodContext } from "./method.js";

/** Prompts that J_β is estimated on at most, and responses to each. */
const JUDGED_PROMPTS = 200;
const JUDGED_RESPONSES = 8;

/** Estimates J_β of a training's iterates. */
export interface ObjectiveJudge {
  /** Responses drawn for one iterate. */
  readonly calls: number;
  /** The base's responses to each judged prompt that a reward compares with; 0 where it compares with none. */
  readonly compared: number;
  /** J_β of the adapter as it is. @param epoch 0 for the iterate that training begins at. */
  judge(trainer: Trainer, epoch: number): Promise<JudgedObjective>;
}

/** What one policy's draws say, by judged prompt: rewards and KL where a response of it is rated, and the shape of its responses. */
interface Seen {
  readonly reward: readonly (number | undefined)[];
  readonly kl: readonly (number | undefined)[];
  readonly guarded: Guarded;
  /** The same two over all rated responses, whatever their prompts. */
  readonly mean: { readonly reward: number; readonly kl: number };
}

/** What the judge looks at. */
export interface JudgeOptions {
  /** β ≥ 0; 0 for a method without: the reward alone. */
  readonly beta: number;
  /** Responses of the base that a reward compares each response with, where it does. */
  readonly comparedN: number;
  /** Whether to tell how sure the gain over the base is, and whether the responses show signs of collapse. */
  readonly against: "base" | "nothing";
}

/** The prompts that J_β is estimated on: those for validation; those learned from where there are none. */
export function judgedPrompts({ split }: Pick<MethodContext, "split">): readonly Prompt[] {
  return (split.validation.length > 0 ? split.validation : split.train).slice(0, JUDGED_PROMPTS);
}

/**
 * Judges iterates by J_β = E_π[r] − β·KL(π‖π_base) (paper eq. 3, Alg. 1) on validation prompts, without labels, over eight draws of
 * the iterate at temperature 1 to each prompt. Every iterate, and the base, is drawn with the same randomness, so that gains are paired
 * by prompt.
 */
export async function objectiveJudge(
  context: MethodContext,
  { beta, comparedN, against }: JudgeOptions,
): Promise<ObjectiveJudge> {
  const prompts = judgedPrompts(context);
  const n = Math.max(comparedN, VALIDATION_RESPONSES);
  // Rewards that compare a response with others compare it with the base's.
  const compared = isRelative(context.reward)
    ? await baseResponses(context, prompts, n, "drawing from the base")
    : undefined;
  let base: Promise<Seen> | undefined;
  const resamples = drawResamples(Math.max(1, prompts.length), { seed: context.seed, resamples: 500 });
  const seenOf = async (policy: Policy): Promise<Seen> =>
    look(context, prompts, compared, await drawFrom(context, policy, prompts), resamples);
  const seenAtStart = async (): Promise<Seen> => {
    const { run, trainers, policy, settings } = context;
    const { start } = settings.fit;
    if (start === undefined) return seenOf(policy);
    const begun = await trainers.withAdapter(run.adapterDir(start), start);
    try {
      return await seenOf(begun);
    } finally {
      await begun.dispose();
    }
  };
  return {
    calls: prompts.length * JUDGED_RESPONSES,
    compared: compared ? n : 0,
    judge: async (trainer, epoch) => {
      const adapted = await trainer.policy(context.method.name);
      let own: Seen;
      try {
        own = await seenOf(adapted);
      } finally {
        await adapted.dispose();
      }
      const { reward, kl } = own.mean;
      const objective = { value: reward - beta * kl, reward, kl };
      if (against === "nothing") return objective;
      // A training that goes on in another process has its base drawn again, with the same randomness.
      base ??= epoch === 0 ? Promise.resolve(own) : seenAtStart();
      if (epoch === 0) return objective;
      return { ...objective, ...compare(await base, own, beta) };
    },
  };
}

/** At temperature 1, whatever draws the examples: the expectation is under π itself. */
async function drawFrom(
  { maxTokens, seed, signal }: MethodContext,
  policy: Policy,
  prompts: readonly Prompt[],
): Promise<Response[]> {
  const own: Response[] = [];
  const options = { temperature: 1, maxTokens, seed, ...(signal && { signal }) };
  for await (const response of policy.sample(firstOf(prompts, JUDGED_RESPONSES), options)) own.push(response);
  return own.sort(byPlace(prompts));
}

async function look(
  context: MethodContext,
  prompts: readonly Prompt[],
  compared: ReadonlyMap<string, readonly Response[]> | undefined,
  own: readonly Response[],
  resamples: Resamples,
): Promise<Seen> {
  const { method, reward, signal } = context;
  const ofBase = await scoreUnder(context.policy, drawnBy(method.name, own), { prompts, signal });
  const places = new Map(prompts.map(({ id }, i) => [id, i]));
  const rewards: number[][] = prompts.map(() => []);
  const gaps: number[][] = prompts.map(() => []);
  for (const [at, response] of ofBase.entries()) {
    const place = places.get(response.promptId)!;
    const prompt = prompts[place]!;
    const pool = [response, ...(compared?.get(prompt.id) ?? [])];
    const seen = rewarded(response, (await reward.score(poolOf(context, prompt, pool)))[0]!);
    if (!seen) continue;
    rewards[place]!.push(seen.reward);
    gaps[place]!.push(sequenceLogProb(own[at]!) - seen.reference);
  }
  const all = rewards.flat();
  if (all.length === 0)
    throw new UsageError(
      `The reward ${reward.name} rates none of the responses: ${method.title} cannot judge by it.`,
    );
  return {
    reward: rewards.map(meanOrNone),
    kl: gaps.map(meanOrNone),
    guarded: shapeOf(prompts, own, resamples),
    mean: { reward: meanOrNone(all)!, kl: meanOrNone(gaps.flat())! },
  };
}

const meanOrNone = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) / values.length;

/** What the guards look at, without labels. */
function shapeOf(prompts: readonly Prompt[], own: readonly Response[], resamples: Resamples): Guarded {
  const mean = (of: (response: Response) => number) =>
    estimateMean(
      prompts.map(({ id }) => meanOrNone(own.filter(({ promptId }) => promptId === id).map(of))!),
      resamples,
    );
  return {
    entropy: mean((response) => -sequenceLogProb(response)),
    length: mean(({ tokens }) => tokens.length),
    repetition: mean(({ tokens }) => repetition(tokens)),
  };
}

/** The paired standard error of the gain over the base, and whether the responses have collapsed. */
function compare(base: Seen, own: Seen, beta: number): Pick<JudgedObjective, "error" | "collapsed"> {
  const gains = own.reward.flatMap((reward, i) => {
    const before = base.reward[i];
    return reward === undefined || before === undefined
      ? []
      : [reward - beta * own.kl[i]! - (before - beta * base.kl[i]!)];
  });
  const mean = meanOrNone(gains) ?? 0;
  const squares = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0);
  // Of one prompt nothing is known.
  const error = gains.length < 2 ? Infinity : Math.sqrt(squares / (gains.length * (gains.length - 1)));
  const collapsed = collapseSigns(base.guarded, own.guarded).length > 0;
  return { ...(error < Infinity && { error }), ...(collapsed && { collapsed }) };
}
