import { drawResamples, estimateDifference, estimateMean } from "../evaluate/bootstrap.js";
import {
  handfulOf,
  quantizationError,
  quantizationErrorSchema,
  type QuantizationError,
  type RoundedChoices,
} from "../evaluate/quantization.js";
import type { Policy, Response } from "../policy/policy.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import type { RunReader } from "../run/read-run.js";
import type { PromptRecord } from "../run/records.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { byPlace } from "./draw.js";

const FILE = "quantization.json";

/** What was measured of a run's quantized base; undefined where nothing was. */
export function readQuantization(run: RunReader): QuantizationError | undefined {
  const result = quantizationErrorSchema.safeParse(run.json(FILE));
  return result.success ? result.data : undefined;
}

/** The same model in float32. */
export type FloatModel = Pick<Policy, "logProb" | "dispose">;

/**
 * Measures, once a run, what quantizing the base has done to log π, on a handful of its responses, and writes it to quantization.json; and
 * what it would have done to the choice, where that was exact.
 * @param loadFloat what it loads is disposed of here.
 * @param task of the run, with its rewards; absent where nothing was chosen.
 */
export async function measureQuantization(
  run: Run,
  quantization: string,
  loadFloat: () => Promise<FloatModel>,
  chosen?: { readonly task: Task; readonly rewards: readonly SelfReward[] },
): Promise<void> {
  if (readQuantization(run) !== undefined) return;
  const { drawing, model } = run.manifest;
  const prompts = await run.prompts();
  const known = new Map(prompts.map((prompt) => [prompt.id, prompt]));
  const responses = (await run.responses()).filter(
    ({ promptId, tokens }) => known.has(promptId) && tokens.length > 0,
  );
  responses.sort(byPlace(prompts));
  if (responses.length === 0) return;
  const drawn = handfulOf(responses).map((response) => ({
    prompt: known.get(response.promptId)!,
    response,
  }));
  const float = await loadFloat();
  try {
    const asItIs = drawing.temperature === 1 && drawing.sampler === undefined;
    const measured = await quantizationError(quantization, float, drawn, asItIs);
    const choices = model.exactChoice && chosen ? await choicesOf(run, known, responses, chosen) : undefined;
    await run.writeJson(FILE, { ...measured, ...(choices && { choices }) });
  } finally {
    await float.dispose();
  }
}

/** What choosing by the rounded log π would have done, by reward that was chosen by exactly. */
async function choicesOf(
  run: RunReader,
  prompts: ReadonlyMap<string, PromptRecord>,
  responses: readonly Response[],
  { task, rewards }: { readonly task: Task; readonly rewards: readonly SelfReward[] },
): Promise<Readonly<Record<string, RoundedChoices>>> {
  const pools = new Map<string, Response[]>();
  for (const response of responses) {
    const pool = pools.get(response.promptId);
    if (pool) pool.push(response);
    else pools.set(response.promptId, [response]);
  }
  const selections = await run.selections();
  const found: Record<string, RoundedChoices> = {};
  for (const reward of rewards.filter(({ ofLogProbs }) => ofLogProbs === "own")) {
    const pairs: { readonly rounded: Response; readonly exact: Response }[] = [];
    for (const { promptId, chosen } of selections.filter((selection) => selection.reward === reward.name)) {
      const pool = pools.get(promptId) ?? [];
      const exact = pool.find(({ index }) => index === chosen);
      if (!exact) continue;
      const extract = (text: string): string | undefined => task.extract(text);
      const scores = await reward.score({ prompt: prompts.get(promptId)!, responses: pool, extract });
      pairs.push({ rounded: pool[choose(scores)]!, exact });
    }
    if (pairs.length > 0) found[reward.name] = compared(task, pairs);
  }
  return found;
}

function compared(
  task: Task,
  pairs: readonly { readonly rounded: Response; readonly exact: Response }[],
): RoundedChoices {
  const resamples = drawResamples(pairs.length, { seed: 0 });
  const same = Float64Array.from(pairs, ({ rounded, exact }) => Number(rounded === exact));
  const right = (which: "rounded" | "exact"): (boolean | undefined)[] =>
    pairs.map((pair) => task.grade(pair[which].promptId, pair[which].text));
  const [rounded, exact] = [right("rounded"), right("exact")];
  const labelled = ![...rounded, ...exact].includes(undefined);
  return {
    same: estimateMean(same, resamples, "share"),
    ...(labelled && {
      accuracyGain: estimateDifference(
        Float64Array.from(exact, Number),
        Float64Array.from(rounded, Number),
        resamples,
        "share",
      ),
    }),
  };
}
