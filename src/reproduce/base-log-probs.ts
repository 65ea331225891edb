import { join } from "node:path";
import { DataError } from "../core/errors.js";
import type { AdapterSample } from "../evaluate/measure-adapter.js";
import { drawnBy, type AdapterDraw } from "../policy/policy.js";
import type { RunReader } from "../run/read-run.js";
import { baseLogProbs, baseLogProbsFile, withScores } from "../sharpen/score-under.js";

/** Whether a run has kept what the base says of every response of the adapter: then several can be measured together without it. */
export async function isScored(run: RunReader, adapter: string): Promise<boolean> {
  const scored = await run.records(baseLogProbsFile(adapter), baseLogProbs);
  const responses = [...(await run.greedy(adapter)), ...(await run.responses(adapter))];
  return scored.length > 0 && scored.length === responses.length;
}

/** The adapter's responses with what the base says of them. @throws DataError where one is not scored. */
export async function adapterSample(run: RunReader, adapter: string): Promise<AdapterSample> {
  const kept = await run.records(baseLogProbsFile(adapter), baseLogProbs);
  const scored = (draws: readonly AdapterDraw[]): AdapterSample["responses"] => {
    const all = withScores(draws, kept);
    if (all.length === draws.length) return all;
    const path = join(run.dir, baseLogProbsFile(adapter));
    throw new DataError(`${path} lacks ${draws.length - all.length} of ${draws.length} responses`, {
      reason: "suite-unfinished",
      where: path,
      remedy: "continue the suite",
    });
  };
  return {
    responses: scored(drawnBy(adapter, await run.responses(adapter))),
    greedy: scored(drawnBy(adapter, await run.greedy(adapter))),
  };
}
