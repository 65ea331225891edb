import { UsageError } from "../core/errors.js";
import { checkTemperature } from "../policy/capabilities.js";
import { type Policy, type Prompt } from "../policy/policy.js";
import { logLikelihood } from "../reward/log-likelihood.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import { checkRewards } from "./sharpen-task.js";
import { graderNamed } from "../task/graders.js";
import { graderForQuestion } from "../task/question.js";
import type { AdaptiveOptions } from "./adaptive-best-of-n.js";
import { adaptiveEvents } from "./adaptive-events.js";
import { answerRoom } from "./answer-room.js";
import type { AnswerEvent, ChosenEvent } from "./answer-events.js";
import { bestOfNEvents, whyChosen, type BestOfNOptions } from "./best-of-n.js";
import { exactly } from "./exact-choice.js";
import { drawPower, type PowerDrawing } from "./power/draw-power.js";
import { checkLengths } from "./fitting-prompts.js";

export { answerRoom };

/** N of the paper's figures. */
const DEFAULT_N = 50;
export interface AnswerOptions extends Partial<BestOfNOptions> {
  /**
   * Draw from π^α by one of these methods, in place of independent samples of π; `n` is 1 then unless said otherwise, and the
   * temperature is 1.
   */
  readonly power?: Pick<PowerDrawing, "method" | "alpha" | "moves" | "blocks" | "particles">;
  /** Draw until the rule of adaptive best-of-N fires (paper App. D), at most `n`; the reward is log-likelihood then. */
  readonly adaptive?: Pick<AdaptiveOptions, "delta" | "round">;
}

/**
 * Answers a prompt with the best of N responses by self-reward, in one call.
 * @param prompt a text as the model is to see it, or a prompt with an id of its own, which keys the randomness.
 * @param options as of `bestOfN`, all with defaults: log-likelihood, N = 50, temperature 1, seed 0, as many tokens as the model has
 * room for, at most 512, and answers compared as the question's wording asks (a number, a choice, a text).
 * @throws UsageError as `bestOfN`, and for a prompt that the model cannot hold.
 * @example
 * const policy = await LocalPolicy.load("./model");
 * const { chosen, score } = await answer(policy, "4 9 10 13 = 24 :");
 */
export async function answer(
  policy: Policy,
  prompt: string | Prompt,
  options: AnswerOptions = {},
): Promise<ChosenEvent> {
  for await (const event of answerEvents(policy, prompt, options)) if (event.kind === "chosen") return event;
  throw new Error("a prompt was not decided");
}

/**
 * The same as it goes: an event for everything that is drawn (with `progress`), dropped and finished, and at last the choice with
 * why. Whoever stops reading ends the drawing.
 * @throws as `answer`.
 */
export async function* answerEvents(
  policy: Policy,
  prompt: string | Prompt,
  options: AnswerOptions & { readonly progress?: boolean } = {},
): AsyncGenerator<AnswerEvent> {
  yield* answerAllEvents(
    policy,
    [typeof prompt === "string" ? { id: "prompt", text: prompt } : prompt],
    options,
  );
}

/**
 * The same for several prompts, which are drawn side by side; each one's answer is the one that it has alone. Prompts are chosen for in the
 * order in which they are decided.
 * @param prompts with ids of their own.
 * @throws as `answer`, before anything is drawn where a prompt is to blame.
 */
export async function* answerAllEvents(
  policy: Policy,
  prompts: readonly Prompt[],
  { power, adaptive, ...options }: AnswerOptions & { readonly progress?: boolean } = {},
): AsyncGenerator<AnswerEvent> {
  const defaults = { reward: logLikelihood, n: power ? 1 : DEFAULT_N, temperature: 1, seed: 0, ...options };
  if (power && (options.topP ?? options.minP ?? options.stop) !== undefined)
    throw new UsageError("topP, minP and stop are for independent samples; leave them out with π^α.");
  if ((power ?? adaptive) && options.withGreedy)
    throw new UsageError("withGreedy is for independent samples of a number that is given; leave it out.");
  checkRewards([defaults.reward], policy);
  checkTemperature(policy, defaults.temperature);
  // A lone prompt that is too long is refused at once, in words of its own.
  if (prompts.length > 1) await checkLengths(policy, prompts, options.maxTokens ?? 1);
  for (const { prompts: alike, maxTokens, extract } of await alikeOf(policy, prompts, options)) {
    const settings = { ...defaults, maxTokens, extract };
    if (adaptive)
      for (const prompt of alike) yield* adaptiveEvents(policy, prompt, { ...settings, ...adaptive });
    else if (!power) yield* bestOfNEvents(policy, alike, settings);
    else for (const prompt of alike) yield* powerEvents(policy, prompt, { ...settings, ...power });
  }
}

/** Prompts that may be answered at the same length, and whose answers are compared alike. */
interface Alike {
  readonly prompts: Prompt[];
  readonly maxTokens: number;
  readonly extract: (text: string) => string | undefined;
}

async function alikeOf(
  policy: Policy,
  prompts: readonly Prompt[],
  options: Pick<AnswerOptions, "maxTokens" | "extract">,
): Promise<Iterable<Alike>> {
  const found = new Map<string, Alike>();
  for (const prompt of prompts) {
    const maxTokens = options.maxTokens ?? (await answerRoom(policy, prompt));
    const grader = options.extract ? "" : graderForQuestion(prompt.text);
    const key = `${maxTokens} ${grader}`;
    const alike = found.get(key);
    if (alike) alike.prompts.push(prompt);
    else {
      const extract = options.extract ?? graderNamed(grader || "exact").extract;
      found.set(key, { prompts: [prompt], maxTokens, extract });
    }
  }
  return found.values();
}

async function* powerEvents(
  policy: Policy,
  prompt: Prompt,
  drawing: PowerDrawing & {
    readonly reward: SelfReward;
    readonly extract: (text: string) => string | undefined;
  },
): AsyncGenerator<AnswerEvent> {
  const { reward, extract } = drawing;
  const [draw] = await drawPower(policy, [prompt], drawing);
  const { responses, record } = draw!;
  const promptId = prompt.id;
  for (const response of responses) yield { kind: "finished", promptId, response, out: [] };
  const scores = await exactly(policy, reward).score({ prompt, responses, extract, policy });
  const best = choose(scores);
  const { promptId: _, ...found } = record;
  yield {
    ...{ kind: "chosen", promptId, prompt, chosen: responses[best]!, finished: responses, scores },
    ...{ tokens: record.tokens, open: 0, power: found },
    ...whyChosen(responses, scores, best),
  };
}
