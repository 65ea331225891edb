/**
 * `npm run docs:site`: the documentation as a site in docs/.vitepress/dist: the race that plays by itself, the pages of docs, a page a
 * command, and the API reference. Fails where a link leads nowhere. `--no-api` leaves the API reference out, which takes longest.
 * `DOCS_BASE=/whetstone/` builds it for that path of a host.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "vitepress";
import { writeApiDocs } from "./api-docs.mjs";
import { cliPages } from "./cli-pages.mjs";
import { everyCommand } from "./lib/commands.mjs";
import { isMain, report } from "./lib/report.mjs";

/** Parts of the site that are no pages of VitePress. */
const APART = ["api/", "results/"];
/** Where on its host the site will be, as docs/.vitepress/config.mjs has it. */
const BASE = process.env["DOCS_BASE"] ?? "/";

/**
 * Links of a built site that lead nowhere, with the page that each is on.
 * @param {string} folder
 * @param {boolean} api whether the API reference is there
 */
export function deadLinks(folder, api = true) {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".html"),
  );
  const own = pages.filter(
    (page) => !APART.some((part) => page.startsWith(part)) || page === "results/README.html",
  );
  const ids = new Map(own.map((page) => [page, idsOf(join(folder, page))]));
  return own.flatMap((page) => {
    const html = readFileSync(join(folder, page), "utf8");
    const links = [...html.matchAll(/<(?:a|img|link|script)\b[^>]*?(?:href|src)="([^"]+)"/g)].map(
      (match) => match[1] ?? "",
    );
    return links.flatMap((link) => {
      if (/^[a-z]+:|^\/\//.test(link)) return [];
      const [path = "", hash = ""] = decodeURI(link).split("#");
      const target = relative(folder, path === "" ? join(folder, page) : resolved(folder, page, path));
      if (!api && target.startsWith("api/")) return [];
      if (!existsSync(join(folder, target))) return [`${page} links to ${link}, which is not there.`];
      const known = ids.get(target);
      return hash === "" || !known || known.has(hash)
        ? []
        : [`${page} links to ${link}, and there is no such heading.`];
    });
  });
}

/** @param {string} folder @param {string} page @param {string} path */
function resolved(folder, page, path) {
  const target = path.startsWith(BASE)
    ? join(folder, path.slice(BASE.length))
    : join(folder, dirname(page), path);
  return path.endsWith("/") ? join(target, "index.html") : target;
}

/** @param {string} file */
function idsOf(file) {
  return new Set([...readFileSync(file, "utf8").matchAll(/\bid="([^"]+)"/g)].map((match) => match[1]));
}

/** @param {string} root @param {boolean} api */
async function writeSite(root, api) {
  const docs = join(root, "docs");
  const commands = join(docs, "commands");
  rmSync(commands, { recursive: true, force: true });
  mkdirSync(commands, { recursive: true });
  for (const [name, page] of cliPages(await everyCommand()))
    writeFileSync(join(commands, `${name}.md`), page);
  await build(docs);
  const out = join(docs, ".vitepress", "dist");
  for (const name of readdirSync(join(docs, "results")))
    if (/\.(html|json)$/.test(name)) cpSync(join(docs, "results", name), join(out, "results", name));
  // The compiled command: what the page runs in browsers are its modules.
  execFileSync(process.execPath, [join(root, "dist", "cli", "main.js"), "demo-page", join(out, "demo")]);
  cpSync(join(docs, "json"), join(out, "json"), { recursive: true });
  if (api && !(await writeApiDocs(root, join(out, "api")))) return ["The API reference has faults."];
  return deadLinks(out, api);
}

if (isMain(import.meta.url)) {
  const root = join(import.meta.dirname, "..");
  const dead = await writeSite(root, !process.argv.includes("--no-api"));
  report(
    dead,
    `the site is in ${join("docs", ".vitepress", "dist")}; look at it with: npx vitepress preview docs`,
  );
}
