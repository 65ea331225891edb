import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { suitePage } from "../../src/report/suite/page.js";
import { amortizedResult, inferenceResult } from "../../src/report/suite/suite-results.test-helper.js";

function findBrowser(): string | undefined {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

const executablePath = findBrowser();

describe.skipIf(executablePath === undefined)("a suite's page in a browser", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-suite-page-"));
  const pages = { inference: suitePage(inferenceResult()), amortized: suitePage(amortizedResult()) };
  let browser: Browser;
  beforeAll(async () => {
    for (const [name, markup] of Object.entries(pages)) writeFileSync(join(folder, `${name}.html`), markup);
    browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  it.each(["inference", "amortized"])(
    "%s: no network or complaint, no overflow from 320 to 1280 px, contrast of 4.5 : 1 light and dark",
    async (name) => {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("request", (request) => {
        if (!/^(file|data):/.test(request.url())) complaints.push(request.url());
      });
      await page.context().setOffline(true);
      await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
      await page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))");
      for (const width of [320, 375, 768, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      }
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const { texts, low } = await page.evaluate<{ texts: number; low: string[] }>(CONTRAST);
        expect(texts).toBeGreaterThan(80);
        expect(low).toEqual([]);
      }
      expect(complaints).toEqual([]);
      await page.close();
    },
  );
});

/** Visible texts whose colour against the nearest painted background is below WCAG AA. */
const CONTRAST = `(() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => { const f = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; }
    return [255, 255, 255]; };
  const low = new Set();
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !e.checkVisibility() || e.closest(".skip")) continue;
    texts++;
    const style = getComputedStyle(e);
    const [x, y] = [lum(parse(e.ownerSVGElement ? style.fill : style.color)), lum(ground(e))];
    const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    if (ratio < 4.5) low.add(e.tagName + "." + e.className + " " + ratio.toFixed(2) + " " + walker.currentNode.textContent.slice(0, 30));
  }
  return { texts, low: [...low] };
})()`;
