import { ServerError } from "../../core/errors.js";
import type { BaseText } from "./base-text.js";
import type { TinkerSession } from "./session.js";

/** How far from 2 the ratio of two norms may be: what float32 leaves of it, and no more. */
const NEAR = 0.02;

/**
 * Finds out whether a server sums its losses, as the protocol says: the same sequence twice then has twice the gradient. Some average
 * instead (over sequences, each one's tokens over its mask), and take a batch apart as they please: what was divided by is then not known,
 * and no weights of ours can undo it. A server that tells no norm is taken at the protocol's word, and whetstone's own worker is not asked.
 * @throws ServerError for one that does not sum.
 */
export async function checkSummed(session: TinkerSession, base: BaseText): Promise<void> {
  if (session.told.own) return;
  const model = await session.create({ rank: 1, alpha: 2, targets: ["q_proj", "down_proj"], seed: 1 });
  try {
    const ids = [3, 1, 4, 1, 5, 9, 2, 6].map((id) => id % base.config.vocabSize);
    const one = { prompt: ids.slice(0, 4), response: ids.slice(4), weights: [1, 1, 1, 1] };
    const norms: (number | undefined)[] = [];
    for (const sequences of [[one], [one, one]]) {
      await model.pass(sequences, { forwardOnly: false });
      // At rate 0: nothing comes of it but the norm.
      norms.push(await model.step({ rate: 0 }));
    }
    const [once, twice] = norms;
    if (once === undefined || twice === undefined || !(once > 0)) return;
    const ratio = twice / once;
    if (Math.abs(ratio - 2) < NEAR) return;
    throw new ServerError(
      `The trainer at ${session.connection.url} does not sum its losses over a batch, as Tinker's protocol has it: a sequence given twice has ` +
        `${ratio.toFixed(3)} times the gradient of one, not twice; it cannot be trained on.`,
    );
  } finally {
    await model.unload();
  }
}
