import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { ServerError, UsageError } from "../../core/errors.js";
import { startView } from "../../view/server.js";
import { defineCommand } from "../command.js";
import { DEFAULT_VIEW_PORT } from "../defaults.js";
import { openPage } from "../open-page.js";
import { RUNS } from "../run-folder.js";
import { taskOfRun } from "../sources.js";
import { COMMANDS } from "./table.js";

/** `whetstone view [folder]`: the runs of a folder in the browser. */
export const viewCommand = defineCommand({
  ...COMMANDS.view,
  details: `Without a folder it shows the runs in ${RUNS}/; a run's own folder shows that one. It listens on this machine alone, and only reads.`,
  options: ["viewPort", "open"],
  examples: [
    ["view --open", `the runs in ${RUNS}/, in the browser`],
    ["view runs/game24-1", "one run"],
  ],
  run: async ([folder = RUNS], { port, open }, context) => {
    if (existsSync(folder) ? !statSync(folder).isDirectory() : folder !== RUNS)
      throw new UsageError(`${folder} is no folder; name one that holds runs, or a run's own.`);
    const settings = { folder, taskOf: (run: Parameters<typeof taskOfRun>[0]) => taskOfRun(run, undefined) };
    const view = await startView({ ...settings, port: port ?? DEFAULT_VIEW_PORT }).catch((error: unknown) => {
      // Whoever looks at two folders has not chosen a port for either.
      if (port !== undefined || !(error instanceof ServerError)) throw error;
      return startView({ ...settings, port: 0 });
    });
    context.say(`The runs in ${folder} are at ${view.url}/runs`);
    await openPage(`${view.url}/runs`, open, context);
    context.result({ url: `${view.url}/runs`, folder });
    if (!context.signal.aborted) await once(context.signal, "abort");
    await view.close();
  },
});
