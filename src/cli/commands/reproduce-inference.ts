import { reproduceInference } from "../../reproduce/inference.js";
import { defineCommand } from "../command.js";
import { DEFAULT_MODEL } from "../defaults.js";
import { REMOTE } from "../options.js";
import { interruptible } from "../outcome.js";
import { mixedModels } from "../suite-servers.js";
import { resumeSuite, SUITE, suiteSettings, tellSuite } from "./reproduce.js";

/** The paper's number of seeds (App. A.1). */
const PAPER_SEEDS = 10;

/** `whetstone reproduce inference`: the paper's figures 1 to 6. */
export const reproduceInferenceCommand = defineCommand({
  usage: "inference",
  summary: "the paper's figures 1 to 6: best-of-N on each model and task",
  details:
    "Draws, for each model, task and seed, the greedy response and N others per prompt into an ordinary run folder, measures " +
    "best-of-N under each self-reward, and writes one page with the paper's figures by their numbers. Continues with --resume; " +
    "with more models, tasks or seeds it draws only those. What cannot be run is left blank, and the status is then 1.",
  options: [...SUITE, ...REMOTE, "drawSeeds"],
  examples: [
    ["reproduce inference", "the embedded model on its task, 10 seeds"],
    ["reproduce inference --models game24,./phi-3.5 --tasks game24,gsm8k --out suite", "two by two"],
    ["reproduce inference --seeds 1 --prompts 32 --n 16", "small"],
    [
      "reproduce inference --models game24,openai:phi --tasks game24 --base-url http://localhost:8000/v1",
      "a model on this machine beside one behind a server",
    ],
  ],
  run: async (_words, values, context) => {
    const out = values.out ?? "runs/reproduce-inference";
    const models = await mixedModels(values.models ?? [DEFAULT_MODEL], values, context);
    try {
      const settings = suiteSettings(values, models, context);
      const result = await interruptible(
        context,
        () => resumeSuite(context.args),
        () => reproduceInference({ ...settings, out, seeds: values.seeds ?? PAPER_SEEDS }),
      );
      const servers = models.usage();
      await tellSuite(context, out, result, Object.keys(servers).length > 0 ? { servers } : {});
    } finally {
      models.tell();
    }
  },
});
