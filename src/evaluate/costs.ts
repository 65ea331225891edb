import { rewards } from "../reward/registry.js";
import { sampleSizes } from "./largest-n.js";
import { baselineInWords, hypothesesOf } from "./measure-baselines.js";
import { trainedInWords, type Cost, type Estimate, type Metrics } from "./metrics.js";

/** What the costs are read from. */
type CostedMetrics = Pick<Metrics, "prompts" | "greedy" | "base" | "bestOfN" | "baselines" | "adapters">;

/** Whether a reward has the model read each response once more, and say a word. */
const readsAgain = (reward: string): boolean => rewards[reward]?.needs.includes("policy") === true;

function costsOf(
  { prompts, greedy, base, bestOfN, baselines = {}, adapters }: CostedMetrics,
  nameOf: (method: string) => string = (method) => method,
): Cost[] {
  const drawn = base.length.value;
  const cost = (
    name: string,
    accuracy: Estimate | undefined,
    tokens: { readonly eachPrompt: number; readonly before?: number },
    choice: Pick<Cost, "reward" | "n"> = {},
  ): Cost[] =>
    accuracy
      ? [
          {
            name,
            tokens: Math.round(prompts * tokens.eachPrompt + (tokens.before ?? 0)),
            accuracy,
            ...choice,
          },
        ]
      : [];
  return [
    ...cost("greedy", greedy.accuracy, { eachPrompt: greedy.length.value }),
    ...cost("one sample", base.accuracy, { eachPrompt: drawn }),
    ...Object.entries(baselines).flatMap(([name, { accuracy, length }]) =>
      cost(baselineInWords(name), accuracy, { eachPrompt: hypothesesOf(name) * length.value }),
    ),
    ...Object.entries(bestOfN).flatMap(([reward, byN]) =>
      sampleSizes(byN).flatMap((n) => {
        const eachPrompt = n * drawn + (readsAgain(reward) ? n * (drawn + 1) : 0);
        return cost(`best-of-${n} by ${reward}`, byN[String(n)]?.accuracy, { eachPrompt }, { reward, n });
      }),
    ),
    ...Object.entries(adapters).flatMap(([method, adapter]) => {
      const { accuracy, length, modelCalls, validationCalls } = adapter;
      const before = ((modelCalls ?? 0) + (validationCalls ?? 0)) * drawn;
      const name = `${trainedInWords(nameOf(method), adapter)}, one sample`;
      return cost(name, accuracy, { eachPrompt: length.value, before });
    }),
  ];
}

/**
 * Accuracy against tokens: what it takes, in all, to answer every measured prompt once in each way, from what is measured already.
 * Counted are the tokens of responses, those of a beam's hypotheses, what a judge reads of responses and its one word on each, and
 * of an adapter all that was drawn to learn from and to choose the iterate by, as long each as one sample of the base is here on
 * average; not counted are prompts, and what responses that are dropped early would spare. Nothing without labels.
 * @param nameOf how an adapter is spoken of. Default: by its method.
 */
export function costed(
  metrics: CostedMetrics,
  nameOf?: (method: string) => string,
): { readonly costs?: readonly Cost[] } {
  const costs = costsOf(metrics, nameOf);
  return costs.length > 0 ? { costs } : {};
}
