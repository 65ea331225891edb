import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { REMOTE_PREFIX } from "../../policy/remote/base-urls.js";
import { findReward } from "../../reward/registry.js";
import { installedTelemetry } from "../../serve/telemetry.js";
import { startServer } from "../../serve/server.js";
import { checkRewards } from "../../sharpen/sharpen-task.js";
import { runRoutes } from "../../view/routes.js";
import { RunsFolder } from "../../view/runs-folder.js";
import { defineCommand } from "../command.js";
import {
  DEFAULT_BEST_OF,
  DEFAULT_MODEL,
  DEFAULT_PORT,
  DEFAULT_PREFIX_MEGABYTES,
  DEFAULT_SERVE_REWARD,
} from "../defaults.js";
import { openPage } from "../open-page.js";
import { HOLDING, REMOTE } from "../options.js";
import { serveKeys } from "../serve-keys.js";
import { RUNS } from "../run-folder.js";
import { openPolicy, policySource, promptsOf, settled, taskOfRun } from "../sources.js";
import { COMMANDS } from "./table.js";

/** `whetstone serve`: best-of-N behind OpenAI's API. */
export const serveCommand = defineCommand({
  ...COMMANDS.serve,
  details:
    "A request may set `best_of` and, in `whetstone`, the reward that chooses. A client that cannot send such fields names the " +
    "model <model>:best-of-16 or <model>:best-of-16:majority instead.",
  options: [
    "model",
    ...HOLDING,
    "exactChoice",
    ...REMOTE,
    "serveReward",
    "bestOf",
    "slots",
    "prefixMemory",
    "loneRow",
    "logText",
    "host",
    "port",
    "apiKeyFile",
    "allowOrigin",
    "allowHost",
    "threads",
    "memory",
    "open",
  ],
  examples: [
    ["serve", "the embedded model at http://127.0.0.1:8321/v1"],
    ["serve --model ./my-model.gguf --best-of 16", "a chat model, each answer the best of 16"],
  ],
  run: async (_, values, context) => {
    const { bestOf = DEFAULT_BEST_OF, host = "127.0.0.1", port = DEFAULT_PORT } = values;
    const keys = serveKeys(values.apiKeyFile, process.env);
    const megabytes = values.prefixMemory ?? DEFAULT_PREFIX_MEGABYTES;
    const { slots, allowOrigin: origins = [], allowHost: hosts = [] } = values;
    const named = await policySource(values.model ?? DEFAULT_MODEL, { stream: true, ...values });
    const source = await settled(named, values, context);
    const takes = (await promptsOf(source)) ?? "text";
    const reward = await findReward(values.reward ?? DEFAULT_SERVE_REWARD);
    const serving = { prefixBytes: megabytes * 1e6, loneRow: values.loneRow ?? false };
    const policy = await openPolicy(source, values, context, serving);
    const runs = new RunsFolder(RUNS, (run) => taskOfRun(run, undefined));
    try {
      checkRewards([reward], policy);
      const id = source.name.replace(REMOTE_PREFIX, "");
      const server = await startServer(
        {
          model: { id, policy, takes },
          defaults: { bestOf, reward },
          ...{ keys, origins, hosts },
          ...(slots !== undefined && { limits: { slots, queue: 2 * slots } }),
          ...{ logTexts: values.logText, telemetry: await installedTelemetry() },
          runs: runRoutes(runs, { race: true }),
          log: (line) => context.note(JSON.stringify(line)),
          surroundings: {
            now: () => Date.now(),
            freshSeed: () => randomInt(2 ** 32),
            freshId: () => randomUUID(),
          },
        },
        { host, port },
      );
      context.say(`${id} answers at ${server.url}/v1, each answer the best of ${bestOf} by ${reward.name}.`);
      context.say(`What it considers before it answers can be watched at ${server.url}/`);
      if (keys.length === 0) context.say(`The runs in ${RUNS}/ are at ${server.url}/runs`);
      await openPage(`${server.url}/`, values.open, context);
      context.result({ url: `${server.url}/v1`, model: id, bestOf, reward: reward.name });
      if (!context.signal.aborted) await once(context.signal, "abort");
      await server.close();
    } finally {
      await runs.close();
      await policy.dispose();
    }
  },
});
