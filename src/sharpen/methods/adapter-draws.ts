import { join } from "node:path";
import { drawnBy, type Prompt, type Response } from "../../policy/policy.js";
import type { Trainer } from "../../policy/trainer.js";
import { responseKey, responseRecords } from "../../run/records.js";
import { drawInto, inOrder } from "../draw.js";
import { scoreUnder } from "../score-under.js";
import type { MethodContext } from "./method.js";

/** What is drawn in a round of training. */
export interface RoundDraws {
  readonly round: number;
  readonly prompts: readonly Prompt[];
  /** Of the responses to each prompt. */
  readonly indices: readonly number[];
}

/**
 * Responses of the adapter as it is, drawn into adapters/<method>/round-<t>.jsonl or taken from there, as the base scores them: what is
 * rewarded is always what the base says.
 * @returns by prompt id, in the order of the indices.
 */
export async function adapterResponses(
  context: MethodContext,
  trainer: Trainer,
  { round, prompts, indices }: RoundDraws,
): Promise<Map<string, Response[]>> {
  const { method, run, policy, signal } = context;
  const log = await run.log(join("adapters", method.name, `round-${round}.jsonl`), responseRecords);
  const requests = prompts.flatMap((prompt) => indices.map((index) => ({ prompt, index })));
  if (requests.some(({ prompt, index }) => !log.has(responseKey(prompt.id, index)))) {
    const adapted = await trainer.policy(method.name);
    try {
      await drawInto(log, adapted, requests, context, `drawing for round ${round}`);
    } finally {
      await adapted.dispose();
    }
  }
  const own = (await inOrder(log, prompts)).flat();
  const ofBase = await scoreUnder(policy, drawnBy(method.name, own), { prompts, signal });
  const pools = new Map<string, Response[]>(prompts.map(({ id }) => [id, []]));
  for (const response of ofBase) pools.get(response.promptId)!.push(response);
  return pools;
}
