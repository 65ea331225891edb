import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { suitePage } from "../../src/report/suite/page.js";
import { amortizedResult, inferenceResult } from "../../src/report/suite/suite-results.test-helper.js";
import { contrastProbe, findBrowser, launchBrowser, type Contrast } from "../support/browser.js";

const CONTRAST = contrastProbe(".skip");
const executablePath = findBrowser();

describe.skipIf(executablePath === undefined)("a suite's page in a browser", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-suite-page-"));
  const pages = { inference: suitePage(inferenceResult()), amortized: suitePage(amortizedResult()) };
  let browser: Browser;
  beforeAll(async () => {
    for (const [name, markup] of Object.entries(pages)) writeFileSync(join(folder, `${name}.html`), markup);
    browser = await launchBrowser(executablePath);
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
        const { texts, low } = await page.evaluate<Contrast>(CONTRAST);
        expect(texts).toBeGreaterThan(80);
        expect(low).toEqual([]);
      }
      expect(complaints).toEqual([]);
      await page.close();
    },
  );
});
