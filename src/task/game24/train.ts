import { sha256 } from "../../core/files.js";
import { UsageError } from "../../core/errors.js";
import type { Task } from "../task.js";
import { game24, type Game24Options } from "./game24.js";

/** As many as the test split has. */
const MEASURED = 256;

/**
 * Game of 24 measured on 256 of its training puzzles, ascending, as the paper does beside the test puzzles (Fig. 5). The embedded base
 * knows them by heart, so that what is gained here says nothing of puzzles that it has not seen. There is nothing to learn from.
 * Prompt ids are those of game24's training prompts.
 * @throws UsageError as `game24`.
 */
export function game24Train({ maxTokens }: Pick<Game24Options, "maxTokens"> = {}): Task {
  const all = game24(maxTokens === undefined ? {} : { maxTokens });
  const test = all.prompts("train").slice(0, MEASURED);
  const known = new Set(test.map(({ id }) => id));
  return {
    ...all,
    name: "game24-train",
    digest: sha256(JSON.stringify([all.digest, test])),
    prompts: (split) => (split === "test" ? test : []),
    grade: (promptId, text) => {
      if (!known.has(promptId)) throw new UsageError(`game24-train has no prompt "${promptId}".`);
      return all.grade(promptId, text);
    },
  };
}
