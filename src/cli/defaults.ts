/** The self-rewards that are compared when none are named: those that need nothing but the responses. */
export const DEFAULT_REWARDS: readonly string[] = [
  "log-likelihood",
  "length-normalized",
  "majority",
  "self-certainty",
];
/** The same of a model, whose server, if it has one, shows a few tokens' log-probabilities and not the whole distribution. */
export function defaultRewards(served: boolean): readonly string[] {
  return served ? DEFAULT_REWARDS.filter((name) => name !== "self-certainty") : DEFAULT_REWARDS;
}
/** N of the paper's figures. */
export const DEFAULT_N = 50;
/** The embedded model and its task. */
export const DEFAULT_MODEL = "game24";
export const DEFAULT_TASK = "game24";
/** Samples per prompt for each point of the training curve. */
export const DEFAULT_CURVE_SAMPLES = 4;
/** What `sharpen` trains when no methods are named, and no preset of model and task says otherwise. */
export const DEFAULT_METHODS: readonly string[] = ["sft"];
/** Where `serve` listens. */
export const DEFAULT_PORT = 8321;
/** Where `view` listens. */
export const DEFAULT_VIEW_PORT = 8322;
/** N of `serve`: each answer costs that many. */
export const DEFAULT_BEST_OF = 8;
/** What chooses in `serve`: the log-probability per token, as OpenAI says of `best_of`. */
export const DEFAULT_SERVE_REWARD = "length-normalized";
/** Megabytes that `serve` keeps of prompts. */
export const DEFAULT_PREFIX_MEGABYTES = 512;
/** The file that is found in the working folder by itself. */
export const CONFIG_FILE = "whetstone.config.json";
