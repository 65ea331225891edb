import { sha256 } from "../../core/files.js";
import { randomStream } from "../../core/random.js";
import type { Prompt } from "../../policy/policy.js";
import type { Task } from "../task.js";
import { game24, type Game24Options } from "./game24.js";
import { gradeTrace } from "./grade.js";
import { LARGEST_TARGET, promptText, trainingMultisets } from "./training-data.js";
import { randomTrace } from "./traces.js";

/** How many there are: any number of the first ones is a fair sample. */
const FRESH_PROMPTS = 12_000;

const SEED = 24;
const GAME_TARGET = 24;

let made: readonly Prompt[] | undefined;

/**
 * Game of 24 with training prompts that are like the held-out ones: four numbers, in random order, that are no test or validation
 * puzzle, and a target from 1 to 100 other than 24 that they reach. Sharpening needs no labels, so its prompts need not be the
 * 1,006 puzzles that the base model knows by heart (models/game24/README.md): on those, best-of-50 by log-likelihood is right
 * twice as often as on puzzles that are held out, so that training there is not on x ~ μ (paper Def. 3.2).
 * Test and validation prompts are game24's own. Prompt ids of training tell numbers and target, `fresh-9-4-13-10-24`.
 * @throws UsageError as `game24`.
 */
export function game24Fresh({ maxTokens }: Pick<Game24Options, "maxTokens"> = {}): Task {
  const plain = game24(maxTokens === undefined ? {} : { maxTokens });
  const train = freshPrompts();
  return {
    ...plain,
    name: "game24-fresh",
    digest: sha256(JSON.stringify([plain.digest, train])),
    prompts: (split) => (split === "train" ? train : plain.prompts(split)),
    grade: (promptId, text) => {
      const parts = /^fresh-(\d+)-(\d+)-(\d+)-(\d+)-(\d+)$/.exec(promptId)?.slice(1).map(Number);
      return parts ? gradeTrace(parts.slice(0, 4), parts[4]!, text) : plain.grade(promptId, text);
    },
  };
}

/** Numbers are uniform over the multisets that are not held out, the target is where a uniformly random trace of them ends. */
function freshPrompts(): readonly Prompt[] {
  made ??= makePrompts();
  return made;
}

function makePrompts(): Prompt[] {
  const stream = randomStream(SEED, "game24 fresh prompts");
  const multisets = trainingMultisets();
  const prompts = new Map<string, Prompt>();
  while (prompts.size < FRESH_PROMPTS) {
    const numbers = multisets[stream.integer(multisets.length)]!;
    // Every multiset reaches 1..100: its sum is between 4 and 52.
    const { target } = randomTrace(stream, numbers, 1, LARGEST_TARGET)!;
    const order = stream.shuffle(numbers);
    if (target !== GAME_TARGET) {
      const id = ["fresh", ...order, target].join("-");
      prompts.set(id, { id, text: promptText(order, target) });
    }
  }
  return [...prompts.values()];
}
