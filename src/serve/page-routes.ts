import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Hono, type Context } from "hono";
import { compress } from "hono/compress";
import { etag } from "hono/etag";
import type { RaceSettings } from "../page/race/frames.js";
import { renderRace } from "../page/race/race-page.js";
import type { RenderedPage } from "../page/shell.js";
import { ApiError } from "./api-error.js";
import type { Noted } from "./request-log.js";

/** Packages that the page's modules import, and under which name each is given out. */
export const PACKAGES = {
  preact: "/app/packages/preact.js",
  "preact/hooks": "/app/packages/hooks.js",
  "preact/jsx-runtime": "/app/packages/jsx-runtime.js",
} as const;
/** The compiled files that browsers may have: those of the page, and what they share with everything else. */
const OWN = /^(page|core)\/[a-z0-9/-]+\.js$/;
const BUILT = join(import.meta.dirname, "..");
const INTRO =
  "It draws N candidates and chooses one by what it thinks of them itself. A token is tinted the more, the less likely it was. " +
  "Whoever can no longer win turns grey.";

/** Adds the page of the race at `/`. */
export function addPage(app: Hono<Noted>, settings: RaceSettings): void {
  const page = renderRace(settings, INTRO, { entry: "/app/page/race/main.js", imports: PACKAGES });
  app.get("/", compress(), (context) => pageReply(context, page));
}

/** The modules that pages run: the compiled files as they are, without a bundle. */
export function modules(): Hono {
  const app = new Hono();
  app.use("/app/*", etag(), compress());
  const packages = new Map<string, string>(Object.entries(PACKAGES).map(([name, path]) => [path, name]));
  app.get("/app/*", (context) => {
    const { path } = context.req;
    const name = packages.get(path);
    const text = name === undefined ? ownModule(path.slice("/app/".length)) : packageModule(name);
    if (text === undefined)
      throw new ApiError(404, "There is no such part of the page.", { code: "not_found" });
    context.header("cache-control", "no-cache");
    context.header("x-content-type-options", "nosniff");
    return context.body(text, 200, { "content-type": "text/javascript; charset=utf-8" });
  });
  return app;
}

/** A page as a reply, with its policy in the header, too. */
export function pageReply(context: Context, { markup, policy }: RenderedPage): Response {
  context.header("content-security-policy", `${policy}; frame-ancestors 'none'`);
  context.header("x-content-type-options", "nosniff");
  context.header("cache-control", "no-cache");
  return context.html(markup);
}

function ownModule(path: string): string | undefined {
  if (!OWN.test(path)) return undefined;
  try {
    return readFileSync(join(BUILT, path), "utf8");
  } catch {
    return undefined;
  }
}

function packageModule(name: string): string {
  return readFileSync(createRequire(import.meta.url).resolve(name), "utf8");
}
