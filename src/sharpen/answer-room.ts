import type { Policy, Prompt } from "../policy/policy.js";

/** Tokens of an answer where nothing else is said and the model has room for more. */
const MAX_TOKENS = 512;

/**
 * The most tokens that an answer may have: 512, or fewer where the model cannot hold so many beside the prompt.
 * At least 1; a prompt that fills the model is refused when it is drawn.
 */
export async function answerRoom(policy: Policy, prompt: Prompt): Promise<number> {
  const tokens = await policy.promptTokens?.(prompt);
  const room = policy.can.longest - (tokens?.length ?? 0);
  return Math.min(MAX_TOKENS, Math.max(1, room));
}
