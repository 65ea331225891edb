import { Hono } from "hono";
import { answerErrors } from "../serve/api-error.js";
import { guard } from "../serve/guard.js";
import { listen, type Listening } from "../serve/listen.js";
import { modules } from "../serve/page-routes.js";
import { runRoutes } from "./routes.js";
import { RunsFolder } from "./runs-folder.js";
import type { TaskOf } from "./task-at-hand.js";

/** What is shown, and where. */
export interface ViewSettings {
  /** Of runs, or of one run. */
  readonly folder: string;
  readonly taskOf: TaskOf;
  /** 0: one that is free. */
  readonly port: number;
}

/**
 * Shows the runs of a folder to whoever is at this machine: it listens at 127.0.0.1 alone, and takes no name but this machine's and no
 * page but its own. It reads, and writes nothing.
 * @throws ServerError where the port is taken.
 */
export async function startView({ folder, taskOf, port }: ViewSettings): Promise<Listening> {
  const runs = new RunsFolder(folder, taskOf);
  const app = new Hono();
  app.use(guard({}));
  answerErrors(app);
  app.get("/", (context) => context.redirect("/runs"));
  app.route("/", modules());
  app.route("/", runRoutes(runs));
  const listening = await listen(app, { host: "127.0.0.1", port });
  return {
    url: listening.url,
    close: async () => {
      await listening.close();
      await runs.close();
    },
  };
}
