/** Parameters of a request beyond OpenAI's own. */
type Parameters = Readonly<Record<string, string | number | boolean>>;

/** What whetstone's server says, and its client knows it by, where more of the likeliest tokens are asked for than its model tells. */
export const ASK_FOR_FEWER = "are asked for: ask for";

/** What we know of a kind of server beyond OpenAI's own parameters. */
export interface ServerKind {
  readonly name: "vLLM" | "SGLang" | "llama-server" | "llama-cpp-python" | "whetstone" | "OpenAI" | "unknown";
  /** Sent with every request: switches off what would change the distribution behind our back. */
  readonly neutral: Parameters;
  /** Sent to get token ids. */
  readonly ids: Parameters;
  /** Log-probabilities that may be asked for at each position, at most. */
  readonly top: Readonly<Record<"completions" | "chat", number>>;
  /** So many are asked for where the drawn token's is all that matters. */
  readonly usualTop: 0 | 1;
  /** What to change where log-probabilities come after temperature. */
  readonly rawHint: string;
  /** What to change where there are no log-probabilities. */
  readonly logProbsHint: string;
}

const ANY = {
  neutral: {},
  ids: {},
  top: { completions: 5, chat: 20 },
  // OpenAI's least that all servers take.
  usualTop: 1,
  rawHint: "draw at temperature 1",
  logProbsHint: "choose a server and model that give them",
} as const;

/**
 * The servers that we know, by what their list of models says of its owner. Defaults that they would add on their own
 * (a model's generation_config.json; llama.cpp's top_k 40 and min_p 0.05) are named and neutralized.
 */
const KINDS: readonly (ServerKind & { readonly owner: RegExp })[] = [
  {
    ...ANY,
    name: "vLLM",
    owner: /^vllm$/i,
    neutral: { top_k: -1, min_p: 0, repetition_penalty: 1 },
    ids: { return_token_ids: true },
    top: { completions: 20, chat: 20 },
    rawHint: "start vLLM with --logprobs-mode raw_logprobs, or draw at temperature 1",
  },
  {
    ...ANY,
    name: "SGLang",
    owner: /^sglang$/i,
    neutral: { top_k: -1, min_p: 0, repetition_penalty: 1 },
    ids: { return_token_ids: true },
    rawHint:
      "start SGLang with SGLANG_RETURN_ORIGINAL_LOGPROB=1 in its environment, or draw at temperature 1",
  },
  {
    ...ANY,
    name: "llama-server",
    owner: /^llamacpp$/i,
    neutral: { top_k: 0, min_p: 0, typical_p: 1, repeat_penalty: 1, post_sampling_probs: false },
    ids: { return_tokens: true },
    top: { completions: 20, chat: 20 },
  },
  {
    ...ANY,
    name: "llama-cpp-python",
    owner: /^me$/i,
    neutral: { top_k: 0, min_p: 0, repeat_penalty: 1 },
    top: { completions: 20, chat: 20 },
    logProbsHint: "start it with --logits_all true",
  },
  {
    ...ANY,
    name: "whetstone",
    owner: /^whetstone$/i,
    // One candidate is a sample; the best of several, which is what it would answer with, is none.
    neutral: { best_of: 1, min_p: 0 },
    top: { completions: 20, chat: 20 },
    // Of some models it tells no others.
    usualTop: 0,
    logProbsHint: "choose a model on its machine, or one that tells its tokens",
  },
  {
    ...ANY,
    name: "OpenAI",
    owner: /^(openai|openai-.*|system)$/i,
    logProbsHint: "choose a model that gives them, such as gpt-4o-mini on the chat route",
  },
];

const UNKNOWN: ServerKind = { ...ANY, name: "unknown" };

/** The kind of a server by the owner that its list of models names. */
export function serverKind(owner: string | undefined): ServerKind {
  return KINDS.find((kind) => kind.owner.test(owner ?? "")) ?? UNKNOWN;
}
