import { Hono } from "hono";
import { addAnswerRoutes } from "./answer-routes.js";
import { Answering, type AnsweringLimits } from "./answering.js";
import { answerErrors, ApiError, shuttingDown } from "./api-error.js";
import { guard, type GuardSettings } from "./guard.js";
import { ServeMetrics } from "./metrics.js";
import { addPage, modules } from "./page-routes.js";
import { addRaceRoute, raceSettings } from "./race-route.js";
import { openApi } from "./openapi.js";
import { requestLog, type LogLine, type Noted } from "./request-log.js";
import { shortBodies } from "./short-bodies.js";
import { spans, type TelemetryApi } from "./telemetry.js";
import { listedNames, type ServeDefaults, type ServedModel } from "./served-model.js";

/** What only the process around the server has. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The seed of a request that has none. */
  readonly freshSeed: () => number;
  /** A name that no other reply has. */
  readonly freshId: () => string;
}

export interface ServeLimits extends AnsweringLimits {
  /** The largest N that a request may ask for. */
  readonly bestOf: number;
  /** Milliseconds without anything new after which a stream says that it goes on. */
  readonly beatMs: number;
}

export interface ServeSettings extends GuardSettings {
  readonly model: ServedModel;
  readonly defaults: ServeDefaults;
  readonly surroundings: Surroundings;
  readonly limits?: Partial<ServeLimits> | undefined;
  /** Told of each request once it is over. */
  readonly log?: ((line: LogLine) => void) | undefined;
  /** Whether it is told the texts of prompts and answers. Default false. */
  readonly logTexts?: boolean | undefined;
  /** OpenTelemetry's interface, where it is installed: each request is a span then. */
  readonly telemetry?: TelemetryApi | undefined;
  /** Routes of a list of runs at `/runs`, to which the page of the race leads then. Only without keys: runs are not for whoever may ask the model. */
  readonly runs?: Hono | undefined;
}

const LIMITS: ServeLimits = {
  ...{ bestOf: 64, candidates: 256, slots: 32, queue: 64, longestMs: 600_000, beatMs: 5000 },
};
const BODY_BYTES = 1 << 20;

/** The routes of the server, and what answers behind them. */
export function serveApp(settings: ServeSettings): {
  readonly app: Hono<Noted>;
  readonly answering: Answering;
} {
  const {
    model,
    defaults,
    surroundings,
    limits: some,
    log,
    logTexts: texts,
    telemetry,
    runs: shown,
    ...guarded
  } = settings;
  const { now, freshSeed, freshId } = surroundings;
  const limits = { ...LIMITS, ...some };
  const answering = new Answering(model.policy, limits);
  const metrics = new ServeMetrics(answering, model.policy);
  const tell = (line: LogLine): void => {
    metrics.take(line);
    log?.(line);
  };
  const app = new Hono<Noted>();
  app.use(
    requestLog({ now, freshId, log: tell, texts, begin: telemetry && spans(telemetry) }),
    guard(guarded),
  );
  answerErrors(app);
  for (const under of ["/v1/*", "/api/*"]) app.use(under, shortBodies(BODY_BYTES));
  app.get("/health", (context) => context.json({ status: "ok" }));
  app.get("/ready", (context) => {
    if (answering.admission.draining) throw shuttingDown();
    return context.json({ status: "ok" });
  });
  app.get("/metrics", metrics.handler);
  const description = openApi();
  app.get("/openapi.json", (context) => context.json(description));
  addModelNames(app, listedNames(model, defaults), Math.floor(now() / 1000));
  const { bestOf: mostBestOf, beatMs } = limits;
  const drawing = { model, defaults, mostBestOf, freshSeed, answering, now, freshId, beatMs };
  addAnswerRoutes(app, drawing);
  addRaceRoute(app, drawing);
  const needsKey = (guarded.keys ?? []).length > 0;
  const runs = needsKey ? undefined : shown;
  addPage(app, raceSettings(drawing, { needsKey, runs: runs !== undefined }));
  app.route("/", modules());
  if (runs) app.route("/", runs);
  return { app, answering };
}

function addModelNames(app: Hono<Noted>, names: readonly string[], created: number): void {
  const listed = names.map((id) => ({ id, object: "model", created, owned_by: "whetstone" }));
  app.get("/v1/models", (context) => context.json({ object: "list", data: listed }));
  app.get("/v1/models/:id{.+}", ({ req, json }) => {
    const found = listed.find(({ id }) => id === req.param("id"));
    if (found) return json(found);
    throw new ApiError(404, "There is no model of that name here.", { code: "model_not_found" });
  });
}
