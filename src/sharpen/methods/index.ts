import { UsageError } from "../../core/errors.js";
import type { SelfReward } from "../../reward/self-reward.js";
import { checkN } from "../best-of-n.js";
import { checkFit } from "../fit-adapter.js";
import { checkRegressable } from "./base-responses.js";
import { planDpo } from "./dpo.js";
import type { Method, MethodContext, MethodPlan, MethodSettings } from "./method.js";
import { planSft } from "./sft.js";
import { checkXpo, planXpo } from "./xpo.js";

/** How each method draws its examples and what it fits to them. */
export const plans: Readonly<Record<Method, (context: MethodContext) => Promise<MethodPlan>>> = {
  sft: planSft,
  dpo: planDpo,
  xpo: planXpo,
};

/**
 * Refuses, before anything is drawn, what the method cannot do.
 * @throws UsageError naming the setting, or the reward.
 */
export function checkMethod(method: Method, settings: MethodSettings, reward: SelfReward): void {
  checkN(settings.trainN);
  checkFit(settings.fit);
  if (method === "sft") return;
  checkRegressable(reward, method);
  if (settings.trainN < 2)
    throw new UsageError(
      `${method.toUpperCase()} learns from pairs: trainN must be at least 2, not ${settings.trainN}.`,
    );
  checkXpo(settings);
}
