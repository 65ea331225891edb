import { Hono, type Context } from "hono";
import { compress } from "hono/compress";
import { z } from "zod";
import type { Narrowing } from "../page/browse/narrowing.js";
import { NARROWINGS } from "../page/browse/narrowing.js";
import { renderPage } from "../page/shell.js";
import { ViewApp } from "../page/view/view-app.js";
import { VIEW_STYLE } from "../page/view/style.js";
import { reportManifest } from "../report/report-of-run.js";
import { reportFragment } from "../report/render-report.js";
import { REPORT_STYLE } from "../report/report-style.js";
import { HEAT_STYLE } from "../report/suite/style.js";
import { ApiError, schemaError } from "../serve/api-error.js";
import { PACKAGES, pageReply } from "../serve/page-routes.js";
import { readMetrics } from "../sharpen/run-metrics.js";
import { compareRuns } from "./comparing.js";
import type { RunView } from "./run-view.js";
import type { RunsFolder } from "./runs-folder.js";
import { trainingMarkup } from "./training.js";

/** Prompts that one request may ask for. */
const MOST_PROMPTS = 200;

const position = z.coerce.number().int().min(0);
const promptsQuery = z.object({
  run: z.string(),
  at: z
    .string()
    .regex(/^(\d{1,9}(,\d{1,9})*)?$/, "must be positions with commas")
    .transform((words) => (words === "" ? [] : words.split(",").map(Number)))
    .refine((at) => at.length <= MOST_PROMPTS, `must be ${MOST_PROMPTS} positions at most`),
});
const runQuery = z.object({ run: z.string() });
const suiteQuery = z.object({ suite: z.string() });
const changesQuery = z.object({ run: z.string(), after: z.string().default("") });
const promptQuery = z.object({ run: z.string(), at: position });
const compareQuery = z.object({ first: z.string(), second: z.string() });
const foundQuery = z.object({
  run: z.string(),
  only: z.enum(NARROWINGS.map(({ name }) => name) as [Narrowing, ...Narrowing[]]).optional(),
  words: z.string().max(1000).default(""),
});

/** The page of a folder's runs at `/runs`, and what it asks for: everything is read anew, nothing is written. */
export function runRoutes(runs: RunsFolder, { race = false }: { readonly race?: boolean } = {}): Hono {
  const app = new Hono();
  const page = viewPage(race);
  app.use("/runs", compress());
  app.get("/runs", (context) => pageReply(context, page));
  app.use("/api/runs/*", compress(), async (context, next) => {
    await next();
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
  });
  app.get("/api/runs/list", async (context) => context.json(await runs.list()));
  app.get("/api/runs/head", async (context) => {
    const { run } = queryOf(context, runQuery);
    return context.json(await inRun(runs, run, (view) => view.head()));
  });
  app.get("/api/runs/changes", async (context) => {
    const { run, after } = queryOf(context, changesQuery);
    return context.json(await inRun(runs, run, (view) => view.changes(after)));
  });
  app.get("/api/runs/prompts", async (context) => {
    const { run, at } = queryOf(context, promptsQuery);
    return context.json(await inRun(runs, run, (view) => view.lines(at)));
  });
  app.get("/api/runs/prompt", async (context) => {
    const { run, at } = queryOf(context, promptQuery);
    const found = await inRun(runs, run, (view) => view.whole(at));
    if (found) return context.json(found);
    throw new ApiError(404, `${run} has no prompt ${at}.`, { code: "not_found" });
  });
  app.get("/api/runs/found", async (context) => {
    const { run, only, words } = queryOf(context, foundQuery);
    return context.json(await inRun(runs, run, (view) => view.found(only, words.trim())));
  });
  app.get("/api/runs/report", async (context) => {
    const { run } = queryOf(context, runQuery);
    const { run: reader } = await viewOf(runs, run);
    const metrics = readMetrics(reader);
    if (metrics === undefined)
      throw new ApiError(404, `${run} has not been measured yet.`, { code: "not_found" });
    return context.json({ markup: reportFragment({ metrics, manifest: reportManifest(reader) }) });
  });
  app.get("/api/runs/training", async (context) => {
    const { run } = queryOf(context, runQuery);
    const { run: reader } = await viewOf(runs, run);
    return context.json({ markup: (await trainingMarkup(reader)) ?? "" });
  });
  app.get("/api/runs/suite", (context) => {
    const { suite } = queryOf(context, suiteQuery);
    const markup = runs.suite(suite);
    if (markup !== undefined) return context.json({ markup });
    throw new ApiError(404, `There is no suite ${suite} in ${runs.folder}.`, { code: "not_found" });
  });
  app.get("/api/runs/compare", async (context) => {
    const { first, second } = queryOf(context, compareQuery);
    return context.json(await compareRuns(await viewOf(runs, first), await viewOf(runs, second)));
  });
  return app;
}

/** What a request asks. @throws ApiError for what is wrong with it. */
function queryOf<T>({ req }: Context, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(req.query());
  if (parsed.success) return parsed.data;
  throw schemaError(parsed.error);
}

async function viewOf(runs: RunsFolder, id: string): Promise<RunView> {
  const view = await runs.view(id);
  if (view) return view;
  throw new ApiError(404, `There is no run ${id} in ${runs.folder}.`, { code: "not_found" });
}

async function inRun<T>(runs: RunsFolder, id: string, ask: (view: RunView) => Promise<T>): Promise<T> {
  const view = await viewOf(runs, id);
  return view.turn(() => ask(view));
}

function viewPage(race: boolean): ReturnType<typeof renderPage> {
  return renderPage({
    title: "Runs: whetstone",
    style: REPORT_STYLE + HEAT_STYLE + VIEW_STYLE,
    modules: { entry: "/app/page/view/main.js", imports: PACKAGES },
    children: (
      <div class="wrap">
        <header class="masthead">
          <span>
            <b>whetstone</b>
          </span>
          <nav aria-label="Pages">
            <ul>
              <li>
                <a href="/runs">Runs</a>
              </li>
              {race && (
                <li>
                  <a href="/">Race</a>
                </li>
              )}
            </ul>
          </nav>
        </header>
        <main id="main">
          <noscript>
            <p>
              This page needs scripts; a run’s own <code>report.html</code> shows most without.
            </p>
          </noscript>
          <div id="view">
            <ViewApp />
          </div>
        </main>
      </div>
    ),
  });
}
