import { ServerError } from "../../core/errors.js";
import type { BaseText } from "./base-text.js";
import type { TinkerModel, TinkerSession } from "./session.js";
import type { WireSequence } from "./wire.js";

/**
 * What a server makes of a loss per token: the protocol's `sum` over all tokens, or (SkyRL's) the `mean` over sequences of each one's
 * mean over its mask, which knows no negative weights.
 */
export type Reduction = "sum" | "mean";

/** A step at rate 0 of a model that nothing comes of: the gradient's norm. */
async function normOf(model: TinkerModel, sequences: readonly WireSequence[]): Promise<number | undefined> {
  await model.pass(sequences, { loss: "cross_entropy", forwardOnly: false });
  const adam = { learning_rate: 0, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0 };
  const metrics = await model.step(adam);
  return Object.entries(metrics).find(([name]) => /grad(ient)?_norm$/.test(name))?.[1];
}

/**
 * Finds out which of both a server does: the same sequence twice has twice the gradient where losses are summed, and the same where
 * they are averaged. A server that tells no norm is taken at the protocol's word.
 * @throws ServerError for one that does neither.
 */
export async function measureReduction(session: TinkerSession, base: BaseText): Promise<Reduction> {
  if (session.told.own) return "sum";
  const model = await session.create({ rank: 1, alpha: 2, targets: ["q_proj", "down_proj"], seed: 1 });
  try {
    const ids = [3, 1, 4, 1, 5, 9, 2, 6].map((id) => id % base.config.vocabSize);
    const one = { prompt: ids.slice(0, 4), response: ids.slice(4), inputs: { weights: [1, 1, 1, 1] } };
    const once = await normOf(model, [one]);
    const twice = await normOf(model, [one, one]);
    if (once === undefined || twice === undefined || !(once > 0)) return "sum";
    const ratio = twice / once;
    if (Math.abs(ratio - 2) < 0.02) return "sum";
    if (Math.abs(ratio - 1) < 0.01) return "mean";
    throw new ServerError(
      `The trainer at ${session.connection.url} neither sums nor averages its losses: the gradient of a sequence given twice is ${ratio.toFixed(3)} times that of one.`,
    );
  } finally {
    await model.unload();
  }
}
