import { UsageError } from "../core/errors.js";
import { cachedHubModels } from "../policy/hub.js";
import { ollamaModels } from "../policy/ollama.js";
import type { Prompt } from "../policy/policy.js";
import { servedModels } from "../policy/remote/find-server.js";
import { isPuzzle } from "../task/game24/training-data.js";
import { shorten } from "../task/json-lines.js";
import { DEFAULT_MODEL } from "./defaults.js";

/** A command that fetches a model that most machines can hold, and that follows instructions. */
export const FETCH_SMALL =
  "a small one is fetched with: npx whetstone models pull HuggingFaceTB/SmolLM2-135M-Instruct (0.3 GB)";
const MOST_NAMED = 6;

/** What there is to name. */
export interface AtHand {
  readonly cached: () => readonly { readonly name: string }[];
  readonly ollama: () => readonly { readonly name: string }[];
  readonly served: () => Promise<readonly string[]>;
}

const HERE: AtHand = { cached: cachedHubModels, ollama: ollamaModels, served: () => servedModels() };

/**
 * Asks for a model where none was named and the prompts are not those that the embedded one was made for: it would give gibberish.
 * @throws UsageError with the models that are at hand, and a command that fetches a small one where there are none.
 */
export async function needModel(
  model: string | undefined,
  prompts: Iterable<Pick<Prompt, "text">>,
  atHand: AtHand = HERE,
): Promise<void> {
  if (model !== undefined) return;
  for (const { text } of prompts) {
    if (isPuzzle(text)) continue;
    const there = [...atHand.ollama(), ...atHand.cached()].map(({ name }) => name);
    const names = [...there, ...(await atHand.served())];
    const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : "";
    const remedy =
      names.length > 0
        ? `at hand ${names.length === 1 ? "is" : "are"} ${names.slice(0, MOST_NAMED).join(", ")}${more}`
        : FETCH_SMALL;
    throw new UsageError(
      `The embedded model (${DEFAULT_MODEL}) can do nothing but puzzles such as "4 9 10 13 = 24 :", and ${JSON.stringify(shorten(text))} ` +
        `is none: name a model with --model; ${remedy}`,
    );
  }
}
