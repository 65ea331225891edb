import { execFileSync } from "node:child_process";
import { chromium, type Browser, type Page } from "playwright-core";

/** Debian's chromium, or another that is installed; undefined where there is none. */
export function findBrowser(): string | undefined {
  for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/** The browser at that path, for tests. */
export function launchBrowser(executablePath: string | undefined): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
}

/** A page of a browser, opened at an address; what it writes to its console, its errors and requests to other origins are complaints. */
export async function openWatched(
  browser: Browser,
  url: string,
  complaints: string[],
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, ...options });
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith("data:"))
      complaints.push(request.url());
  });
  await page.goto(url);
  return page;
}

/**
 * What a page fetches from now on: to be called before it goes anywhere. What is still under way when the page closes is left out.
 * @param page The page.
 * @param counted Which addresses count; by default all.
 * @returns What gives the bodies of the responses that have come so far.
 */
export function watchBodies(
  page: Page,
  counted: (url: string) => boolean = () => true,
): () => Promise<Buffer[]> {
  const bodies: Promise<Buffer | undefined>[] = [];
  page.on("response", (response) => {
    if (counted(response.url())) bodies.push(response.body().catch(() => undefined));
  });
  return async () => (await Promise.all(bodies)).filter((body) => body !== undefined);
}

/** What `contrastProbe` finds on a page. */
export interface Contrast {
  /** Visible texts. */
  readonly texts: number;
  /** Those whose colour against the nearest painted background is below WCAG AA. */
  readonly low: readonly string[];
}

/** To be evaluated on a page: its contrast. @param without a selector of what is left out. */
export const contrastProbe = (without: string): string => `(() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => { const f = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; }
    return [255, 255, 255]; };
  const bad = new Set();
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !e.checkVisibility() || e.closest(${JSON.stringify(without)})) continue;
    texts++;
    const style = getComputedStyle(e);
    const ink = parse(e.ownerSVGElement ? style.fill : style.color);
    const [x, y] = [lum(ink), lum(ground(e))];
    const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    if (ratio < 4.5) bad.add(e.tagName + "." + e.className + " " + ratio.toFixed(2) + " " + walker.currentNode.textContent.slice(0, 30));
  }
  return { texts, low: [...bad].slice(0, 20) };
})()`;
