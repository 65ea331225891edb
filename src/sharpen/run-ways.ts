import type { Way } from "../evaluate/compare.js";
import { byPrompt } from "../evaluate/answers.js";
import { sequenceLogProb, type Response } from "../policy/policy.js";
import type { RunReader } from "../run/read-run.js";
import type { Task } from "../task/task.js";
import { titleOf } from "./methods/registry.js";

type Drawn = Pick<Response, "promptId" | "text">;

/**
 * The ways in which a run answers the prompts that it measures, each with its value by prompt: greedy decoding, one sample (the mean
 * over those drawn), the choice of each self-reward among all N, one sample of each adapter. Reads every response of the run.
 * @param task the run's; absent, or without labels: log-likelihoods alone, and no adapters.
 */
export async function waysOfRun(run: RunReader, task?: Pick<Task, "grade">): Promise<Way[]> {
  const { n } = run.manifest.drawing;
  const ids = (await run.prompts()).flatMap(({ id, split }) => (split === "test" ? [id] : []));
  const drawn = byPrompt(await run.responses());
  const greedy = byPrompt(await run.greedy());
  const chosen = new Map<string, Map<string, readonly Response[]>>();
  for (const { promptId, reward, chosen: index } of await run.selections()) {
    const own = drawn.get(promptId)?.filter((response) => response.index === index) ?? [];
    chosen.set(reward, (chosen.get(reward) ?? new Map<string, readonly Response[]>()).set(promptId, own));
  }
  const ofBase = [
    ["greedy", greedy],
    ["one sample", drawn],
    ...[...chosen].map(([reward, byId]) => [`best of ${n}, ${reward}`, byId] as const),
  ] as const;
  const right = (response: Drawn): number | undefined => {
    const grade = task?.grade(response.promptId, response.text);
    return grade === undefined ? undefined : Number(grade);
  };
  const ways = ofBase.flatMap(([name, byId]) => [
    wayOf(name, "accuracy", ids, byId, right),
    wayOf(name, "log-likelihood", ids, byId, sequenceLogProb),
  ]);
  for (const name of run.adapters()) {
    const own = byPrompt(await run.responses(name));
    ways.push(wayOf(`${titleOf(name)}, one sample`, "accuracy", ids, own, right));
  }
  return ways.filter(({ values }) => values.size > 0);
}

/** The mean by prompt; prompts of which nothing is known are left out. */
function wayOf<R>(
  name: string,
  of: Way["of"],
  ids: readonly string[],
  byId: ReadonlyMap<string, readonly R[]>,
  value: (response: R) => number | undefined,
): Way {
  const values = ids.flatMap((id) => {
    const known = (byId.get(id) ?? []).flatMap((response) => value(response) ?? []);
    return known.length === 0 ? [] : [[id, known.reduce((a, b) => a + b, 0) / known.length] as const];
  });
  return { name, of, values: new Map(values) };
}
