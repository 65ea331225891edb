import { sha256 } from "../../core/files.js";
import type { Task } from "../task.js";
import { game24, type Game24Options } from "./game24.js";
import { sparePuzzles } from "./puzzles.js";

/** A puzzle of four different numbers has as many orders. */
const ORDERS = 24;

/**
 * Game of 24 with the spare half of the training puzzles to learn from, in every order of their numbers, for a base that was pretrained
 * without them (`npm run pretrain:game24 -- --half`): to it they are what the held-out puzzles are, so that training is on x ~ μ (paper
 * Def. 3.2). The embedded base model knows them by heart. All first orders come first, then all second ones. Test and validation
 * prompts, and ids, are game24's own.
 * @throws UsageError as `game24`.
 */
export function game24Spare({ maxTokens }: Pick<Game24Options, "maxTokens"> = {}): Task {
  const all = game24({ orders: ORDERS, ...(maxTokens !== undefined && { maxTokens }) });
  const spare = new Set(sparePuzzles().map(({ rank }) => rank));
  const train = all.prompts("train").filter(({ id }) => spare.has(Number(id.split("-")[1])));
  return {
    ...all,
    name: "game24-spare",
    digest: sha256(JSON.stringify([all.digest, train])),
    prompts: (split) => (split === "train" ? train : all.prompts(split)),
  };
}
