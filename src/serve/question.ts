import { DEFAULT_DELTA } from "../sharpen/adaptive-best-of-n.js";
import { logLikelihood } from "../reward/log-likelihood.js";
import type { Prompt, SamplingOptions } from "../policy/policy.js";
import type { SelfReward } from "../reward/self-reward.js";
import { graderNamed, graderNames, isGraderName } from "../task/graders.js";
import { graderForQuestion } from "../task/question.js";
import type { AnswerOptions } from "../sharpen/answer.js";
import { POWER_DEFAULTS } from "../sharpen/power/draw-power.js";
import { ApiError, refused } from "./api-error.js";
import type { WhetstoneFields } from "./fields.js";
import { namedModel, rewardFor, type ServeDefaults, type ServedModel } from "./served-model.js";

/** What a request asks for, by whatever route it came; every default filled in. */
export interface Question {
  /** The model's name as it was asked for. */
  readonly model: string;
  readonly prompt: Prompt;
  /** Choices in the reply, the best first. */
  readonly n: number;
  /** N: candidates that are drawn, at least `n`. */
  readonly bestOf: number;
  readonly reward: SelfReward;
  readonly extract: (text: string) => string | undefined;
  /** 0: the greedy response. */
  readonly temperature: number;
  /** Absent: as many as the model has room for, at most 512. */
  readonly maxTokens?: number;
  readonly seed: number;
  /** Every candidate is drawn to its end. */
  readonly keepAll: boolean;
  readonly shows: "choice" | "scores" | "all";
  readonly counts: "all" | "chosen";
  /** Whether a stream tells what happens to the candidates. */
  readonly tellsEvents: boolean;
  /** What narrows or ends the candidates. */
  readonly limits: Pick<SamplingOptions, "topP" | "minP" | "stop">;
  /** Candidates of π^α in place of π. */
  readonly power?: Power;
  /** As many candidates as the adaptive rule asks for, at most N. */
  readonly adaptive?: NonNullable<AnswerOptions["adaptive"]>;
  /**
   * So many of the likeliest tokens are told at each position of the choices, beside their own tokens with their log-probabilities; absent:
   * none of it.
   */
  readonly logProbs?: number;
  /** After so long, the choice is made among the candidates that are whole. */
  readonly deadlineMs?: number;
}

type Power = NonNullable<AnswerOptions["power"]>;

/** The fields that say what is asked for, of any route. */
export interface AskedFields {
  readonly model: string;
  readonly n?: number | null | undefined;
  readonly best_of?: number | null | undefined;
  readonly temperature?: number | null | undefined;
  readonly seed?: number | null | undefined;
  readonly top_p?: number | null | undefined;
  readonly min_p?: number | null | undefined;
  readonly stop?: string | readonly string[] | null | undefined;
  readonly whetstone?: WhetstoneFields | null | undefined;
}

/** The headers that say the same as fields. */
export interface AskedHeaders {
  readonly bestOf: string | undefined;
  readonly reward: string | undefined;
}

/** What a request says elsewhere than in the fields that all routes have. */
export interface AskedBeside {
  readonly maxTokens: number | null | undefined;
  readonly logProbs: number | undefined;
  readonly headers: AskedHeaders;
}

export interface QuestionSettings {
  readonly model: ServedModel;
  readonly defaults: ServeDefaults;
  /** The largest N that a request may ask for. */
  readonly mostBestOf: number;
  /** The seed of a request that has none. */
  readonly freshSeed: () => number;
}

/**
 * What a request asks for. N is the body's, else the header's, the model's alias's, or the server's; so is the reward.
 * @throws ApiError where it asks for what there is not, or too much.
 */
export function questionOf(
  asked: AskedFields,
  prompt: Prompt,
  { maxTokens, logProbs, headers }: AskedBeside,
  { model, defaults, mostBestOf, freshSeed }: QuestionSettings,
): Question {
  const own = asked.whetstone ?? {};
  const named = namedModel(model, asked.model, defaults.reward);
  const temperature = asked.temperature ?? 1;
  const power = powerOf(own, temperature);
  const adaptive = adaptiveOf(own, temperature);
  const n = asked.n ?? 1;
  const wanted =
    asked.best_of ??
    wholeHeader(headers.bestOf) ??
    named.bestOf ??
    Math.max(power ? 1 : adaptive ? mostBestOf : defaults.bestOf, n);
  checkCounts({ n, wanted, mostBestOf, temperature, adaptive: adaptive !== undefined });
  const shows = own.return ?? "choice";
  const rewardName = own.reward ?? headers.reward;
  const given =
    rewardName === undefined ? named.reward : rewardFor(rewardName, defaults.reward, "whetstone.reward");
  return {
    ...{ model: asked.model, prompt, n, shows, temperature },
    ...(logProbs !== undefined && { logProbs }),
    reward: adaptive ? adaptiveReward(given) : (given ?? defaults.reward),
    limits: limitsOf(asked, temperature, power !== undefined),
    ...(adaptive && { adaptive }),
    // The greedy response is drawn once.
    bestOf: temperature === 0 ? 1 : wanted,
    extract: extractorOf(own.answer ?? graderForQuestion(prompt.messages?.at(-1)?.content ?? prompt.text)),
    seed: asked.seed ?? freshSeed(),
    // The second best can be told only among candidates that are whole.
    keepAll: own.early_stop === false || shows === "all" || n > 1,
    counts: own.usage ?? "all",
    tellsEvents: own.events ?? false,
    ...(power && { power }),
    ...(own.deadline_ms != null && { deadlineMs: own.deadline_ms }),
    ...(maxTokens != null && { maxTokens }),
  };
}

/** @throws ApiError for an N, or choices among them, that cannot be had. */
function checkCounts({
  n,
  wanted,
  mostBestOf,
  temperature,
  adaptive,
}: {
  readonly n: number;
  readonly wanted: number;
  readonly mostBestOf: number;
  readonly temperature: number;
  readonly adaptive: boolean;
}): void {
  if (wanted > mostBestOf)
    throw refused("best_of", `best_of is ${wanted}, and this server draws at most ${mostBestOf} candidates.`);
  if (n > wanted)
    throw refused("n", `n is ${n}, and best_of ${wanted}: there are no more choices than candidates.`);
  if (temperature === 0 && n > 1)
    throw refused(
      "n",
      "At temperature 0 all candidates are one and the same: leave out n, or raise the temperature.",
    );
  if (adaptive && n > 1)
    throw refused("n", "The method adaptive draws until one choice is good enough: leave out n.");
}

/** What narrows or ends candidates, as far as it does. @throws ApiError where they are of π^α. */
function limitsOf(asked: AskedFields, temperature: number, power: boolean): Question["limits"] {
  const given = (["top_p", "min_p", "stop"] as const).find((name) => asked[name] != null);
  if (power && given !== undefined && !(asked.stop == null && (asked.top_p ?? 1) === 1 && !asked.min_p))
    throw refused(
      given,
      `${given} is for independent candidates: leave it out with the methods power and smc.`,
    );
  const { top_p: topP, min_p: minP, stop } = asked;
  // The likeliest token is always among those that may be drawn.
  const drawn = temperature > 0;
  const texts = stop == null ? [] : typeof stop === "string" ? [stop] : stop;
  return {
    ...(drawn && topP != null && topP < 1 && { topP }),
    ...(drawn && minP != null && minP > 0 && { minP }),
    ...(texts.length > 0 && { stop: texts }),
  };
}

/** @throws ApiError for what the adaptive rule has not. */
function adaptiveOf(own: WhetstoneFields, temperature: number): Question["adaptive"] {
  if (own.method !== "adaptive") {
    if (own.delta == null) return undefined;
    throw refused("whetstone.delta", "delta is for the method adaptive: name it in whetstone.method.");
  }
  if (temperature === 0)
    throw refused("temperature", "The method adaptive draws samples: leave out temperature, or raise it.");
  return { delta: own.delta ?? DEFAULT_DELTA };
}

/** The rule is about the likeliest response. @throws ApiError for another reward. */
function adaptiveReward(given: SelfReward | undefined): SelfReward {
  if (given === undefined || given.name === logLikelihood.name) return logLikelihood;
  throw refused(
    "whetstone.reward",
    `The method adaptive chooses by ${logLikelihood.name}: leave out the reward.`,
  );
}

function wholeHeader(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new ApiError(400, "The header x-whetstone-best-of must be a whole number of at least 1.", {
    code: "invalid_value",
  });
}

/** How candidates' answers are told apart; a path in a request is never opened. */
function extractorOf(answer: string): Question["extract"] {
  if (isGraderName(answer)) return graderNamed(answer).extract;
  throw refused(
    "whetstone.answer",
    `There is no kind of answer of that name: choose one of ${graderNames.join(", ")}.`,
  );
}

/** @throws ApiError for what π^α has not. */
function powerOf(own: WhetstoneFields, temperature: number): Power | undefined {
  const { method } = own;
  const names = Object.keys(POWER_DEFAULTS) as (keyof typeof POWER_DEFAULTS)[];
  if (method == null || method === "base" || method === "adaptive") {
    const given = names.find((name) => own[name] != null);
    if (given === undefined) return undefined;
    throw refused(
      `whetstone.${given}`,
      `${given} is for the methods power and smc: name one in whetstone.method.`,
    );
  }
  if (temperature !== 1)
    throw refused("temperature", `The method ${method} draws at temperature 1 alone: leave out temperature.`);
  return {
    method,
    alpha: own.alpha ?? POWER_DEFAULTS.alpha,
    moves: own.moves ?? POWER_DEFAULTS.moves,
    blocks: own.blocks ?? POWER_DEFAULTS.blocks,
    particles: own.particles ?? POWER_DEFAULTS.particles,
  };
}
