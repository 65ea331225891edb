import type { Prompt } from "../policy/policy.js";
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
  /** Candidates of π^α in place of π. */
  readonly power?: Power;
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
  readonly whetstone?: WhetstoneFields | null | undefined;
}

/** The headers that say the same as fields. */
export interface AskedHeaders {
  readonly bestOf: string | undefined;
  readonly reward: string | undefined;
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
  { maxTokens, headers }: { readonly maxTokens: number | null | undefined; readonly headers: AskedHeaders },
  { model, defaults, mostBestOf, freshSeed }: QuestionSettings,
): Question {
  const own = asked.whetstone ?? {};
  const named = namedModel(model, asked.model, defaults.reward);
  const temperature = asked.temperature ?? 1;
  const power = powerOf(own, temperature);
  const wanted =
    asked.best_of ??
    wholeHeader(headers.bestOf) ??
    named.bestOf ??
    Math.max(power ? 1 : defaults.bestOf, asked.n ?? 1);
  const n = asked.n ?? 1;
  if (wanted > mostBestOf)
    throw refused("best_of", `best_of is ${wanted}, and this server draws at most ${mostBestOf} candidates.`);
  if (n > wanted)
    throw refused("n", `n is ${n}, and best_of ${wanted}: there are no more choices than candidates.`);
  if (temperature === 0 && n > 1)
    throw refused(
      "n",
      "At temperature 0 all candidates are one and the same: leave out n, or raise the temperature.",
    );
  const shows = own.return ?? "choice";
  const rewardName = own.reward ?? headers.reward;
  const reward =
    rewardName === undefined
      ? (named.reward ?? defaults.reward)
      : rewardFor(rewardName, defaults.reward, "whetstone.reward");
  return {
    ...{ model: asked.model, prompt, n, shows, reward, temperature },
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
  if (method == null || method === "base") {
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
