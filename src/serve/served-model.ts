import type { Policy } from "../policy/policy.js";
import { rewardNamed, rewards } from "../reward/registry.js";
import type { SelfReward } from "../reward/self-reward.js";
import { checkRewards } from "../sharpen/sharpen-task.js";
import { ApiError } from "./api-error.js";

/** The model behind the server. */
export interface ServedModel {
  /** As /v1/models lists it. */
  readonly id: string;
  readonly policy: Policy;
  /** What it takes: text as it is, conversations, or both. */
  readonly takes: "text" | "messages" | "both";
}

/** How a request is answered where it does not say. */
export interface ServeDefaults {
  /** N. */
  readonly bestOf: number;
  readonly reward: SelfReward;
}

/** What a model's name asks for besides the model. */
export interface Named {
  readonly bestOf?: number;
  readonly reward?: SelfReward;
}

const ALIAS = /^(.*):best-of-([1-9]\d{0,5})(?::([\w.-]+))?$/;
/** N of the aliases that are listed; any other is taken as well. */
const LISTED_N = 16;

/**
 * Reads the name of a model, `<id>`, `<id>:best-of-<N>` or `<id>:best-of-<N>:<reward>`.
 * @throws ApiError 404 for another model, as OpenAI has it, and for a reward that there is not.
 */
export function namedModel({ id }: ServedModel, name: string, own: SelfReward): Named {
  if (name === id) return {};
  const [, model, bestOf, reward] = ALIAS.exec(name) ?? [];
  if (model !== id)
    throw new ApiError(
      404,
      `There is no model "${shortened(name)}" here: this server has ${id}, also as ${id}:best-of-${LISTED_N}.`,
      { param: "model", code: "model_not_found" },
    );
  return { bestOf: Number(bestOf), ...(reward !== undefined && { reward: rewardFor(reward, own) }) };
}

/**
 * The reward of a name in a request: one of whetstone's, or the module that the server was started with. A path in a request is
 * never opened.
 * @throws ApiError for a name that there is not.
 */
export function rewardFor(name: string, own: SelfReward, param = "model"): SelfReward {
  if (name === own.name) return own;
  if (Object.hasOwn(rewards, name)) return rewardNamed(name);
  throw new ApiError(
    400,
    `There is no reward "${shortened(name)}": choose one of ${Object.keys(rewards).join(", ")}.`,
    { param, code: "unsupported_value" },
  );
}

/** The names under which the model is listed: itself, and best-of-16 by every reward that it can give. */
export function listedNames({ id, policy }: ServedModel, { reward }: ServeDefaults): string[] {
  const able = ableRewards(policy, reward);
  const alias = `${id}:best-of-${LISTED_N}`;
  return [id, alias, ...able.map(({ name }) => `${alias}:${name}`)];
}

const shortened = (text: string): string => (text.length <= 80 ? text : `${text.slice(0, 80)}…`);

/** The self-rewards that a policy can give, one's own first. */
export function ableRewards(policy: Policy, own: SelfReward): SelfReward[] {
  return [...new Set([own, ...Object.values(rewards)])].filter((each) => {
    try {
      checkRewards([each], policy);
      return true;
    } catch {
      return false;
    }
  });
}
