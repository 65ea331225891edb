import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderReport } from "../../src/report/render-report.js";
import { syntheticRun } from "../../src/report/synthetic-run.test-helper.js";
import { contrastProbe, findBrowser, type Contrast } from "../support/browser.js";

const CONTRAST = contrastProbe("script,noscript,option,.skip");
const executablePath = findBrowser();
if (executablePath === undefined)
  console.warn("No chromium on this machine: the browser tests of the report are skipped.");

describe.skipIf(executablePath === undefined)("the report in a browser", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-page-"));
  const url = pathToFileURL(join(folder, "report.html")).href;
  const run = syntheticRun({ methods: ["sft", "dpo"] });
  const small = syntheticRun({ prompts: 12, methods: ["sft", "dpo"] });
  const smallUrl = pathToFileURL(join(folder, "small.html")).href;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    writeFileSync(join(folder, "report.html"), renderReport(run));
    writeFileSync(
      join(folder, "small.html"),
      renderReport(syntheticRun({ prompts: 12, methods: ["sft", "dpo"] })),
    );
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  async function open(options: Parameters<Browser["newPage"]>[0] = {}, address = url): Promise<Page> {
    const page = await browser.newPage({
      viewport: { width: 1280, height: 900 },
      reducedMotion: "reduce",
      ...options,
    });
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      if (request.url() !== address && !request.url().startsWith("data:")) complaints.push(request.url());
    });
    await page.context().setOffline(true);
    await page.goto(address);
    return page;
  }

  const openDetails = async (page: Page): Promise<void> => {
    await page.evaluate(
      "document.querySelectorAll('details.figures, details.prompt:nth-of-type(-n+3)').forEach((d) => (d.open = true))",
    );
    await page.locator("table.all").first().waitFor();
  };
  const visiblePrompts = (page: Page): Promise<number> =>
    page.locator("details.prompt:not([hidden])").count();

  it("opens without network, errors or violations of its policy", async () => {
    const page = await open();
    expect(await page.locator("h1").innerText()).toContain(
      "One sample after SFT-sharpening is right more often than",
    );
    expect(await page.locator("#filters").isVisible()).toBe(true);
    const allowed = await page.evaluate(
      "(() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s); return window.owned })()",
    );
    expect(allowed).toBeUndefined();
    const violations = complaints.splice(0);
    // The one complaint is about the script that this test tried to slip in.
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain("script-src");
    await page.close();
  });

  it("filters and sorts by keyboard", async () => {
    const page = await open();
    const text = run.prompts[7]?.responses[3]?.text ?? "";
    await page.locator("#filter-text").focus();
    await page.keyboard.type(text.slice(0, 12));
    const expected = run.prompts.filter((p) =>
      p.responses.some((r) => `${p.text}\n${r.text}`.includes(text.slice(0, 12))),
    ).length;
    expect(await visiblePrompts(page)).toBe(expected);
    expect(await page.locator("#shown").innerText()).toBe(`${expected} of 256 prompts`);
    await page.locator("#filter-text").fill("");
    expect(await page.locator("#shown").innerText()).toBe("256 prompts");

    await page.locator("#filter-none").focus();
    await page.keyboard.press("Space");
    const none = run.prompts.filter((p) => !p.responses.some((r) => r.correct)).length;
    expect(none).toBeGreaterThan(0);
    expect(await visiblePrompts(page)).toBe(none);
    await page.keyboard.press("Space");
    await page.locator("#filter-disagree").focus();
    await page.keyboard.press("Space");
    const disagree = run.prompts.filter(
      (p) => new Set(p.responses.filter((r) => r.chosenBy.length > 0).map((r) => r.answer)).size > 1,
    ).length;
    expect(await visiblePrompts(page)).toBe(disagree);
    await page.keyboard.press("Space");

    await page.locator("#sort").focus();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowUp");
    expect(await page.locator("#sort").inputValue()).toBe("most");
    const correct = await page.evaluate<number[]>(
      "[...document.querySelectorAll('details.prompt')].map((d) => Number(d.dataset.correct))",
    );
    const wanted = run.prompts.map((p) => p.responses.filter((r) => r.correct).length).sort((a, b) => b - a);
    expect(correct).toEqual(wanted);

    await page.close();
  });

  it("opens a prompt to all its responses and sorts them by a heading", async () => {
    const page = await open();
    const prompt = run.prompts[1];
    const details = page.locator("details.prompt").nth(1);
    expect(await details.locator("table.all").count()).toBe(0);
    await details.locator("summary").focus();
    await page.keyboard.press("Enter");
    const rows = details.locator("table.all tbody tr");
    await rows.first().waitFor();
    expect(await rows.count()).toBe(50);
    const best = Math.max(...(prompt?.responses.map((r) => r.logProb) ?? []));
    expect(await rows.first().locator("td").nth(3).innerText()).toBe(`−${Math.abs(best).toFixed(2)}`);
    const heading = details.locator("table.all th button").first();
    await heading.focus();
    await page.keyboard.press("Enter");
    expect(await details.locator("table.all th").first().getAttribute("aria-sort")).toBe("ascending");
    expect(await rows.locator("td:first-child").allInnerTexts()).toEqual(
      prompt?.responses.map((r) => String(r.index)),
    );
    expect(await rows.locator("td:nth-child(2)").allInnerTexts()).toEqual(
      prompt?.responses.map((r) => r.text),
    );
    await page.close();
  });

  it("shows greedy and chosen responses without scripts", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(smallUrl);
    expect(await page.locator("#filters").isVisible()).toBe(false);
    const details = page.locator("details.prompt").first();
    await details.locator("summary").press("Enter");
    const chosen = small.prompts[0]?.responses.filter((r) => r.chosenBy.length > 0).length ?? 0;
    expect(await details.locator("table.chosen tbody tr").count()).toBe(chosen + 1);
    expect(await details.locator("table.chosen").isVisible()).toBe(true);
    await context.close();
  });

  it("does not overflow sideways at any width, with everything open", async () => {
    const page = await open({ viewport: { width: 375, height: 800 } }, smallUrl);
    await openDetails(page);
    for (const width of [320, 375, 768, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      // On a phone the text of a chart is no smaller than 11 px.
      const sizes = await page.evaluate<number[]>(
        `[...document.querySelectorAll("figure svg text")].filter((t) => t.getClientRects().length)
          .map((t) => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)`,
      );
      expect(sizes.length).toBeGreaterThan(50);
      expect(Math.min(...sizes)).toBeGreaterThan(width < 340 ? 9 : 11);
    }
    await page.close();
  });

  it("has a contrast of 4.5 : 1 for every text, light and dark", async () => {
    const page = await open({}, smallUrl);
    await openDetails(page);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const { texts, low } = await page.evaluate<Contrast>(CONTRAST);
      expect(texts).toBeGreaterThan(500);
      expect(low).toEqual([]);
      expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
        colorScheme === "dark" ? "rgb(20, 22, 24)" : "rgb(253, 253, 251)",
      );
    }
    // The probe can fail: a grey of 4.2 : 1 is found.
    await page.evaluate("document.querySelector('.lead').style.color = '#757575'");
    const { low: found } = await page.evaluate<Contrast>(CONTRAST);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("P.lead");
    await page.close();
  });

  it("is reached by Tab in the order of the page, the skip link first", async () => {
    const page = await open({}, smallUrl);
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.className")).toBe("skip");
    const tops: number[] = [];
    const named: boolean[] = [];
    for (let i = 0; i < 36; i++) {
      await page.keyboard.press("Tab");
      const [top, name] = await page.evaluate<[number, boolean]>(
        `(() => { const e = document.activeElement; const label = e.labels?.[0]?.textContent ?? e.getAttribute("aria-label")
          ?? document.getElementById(e.getAttribute("aria-labelledby"))?.textContent ?? e.textContent;
          return [e.getBoundingClientRect().top + scrollY, label.trim() !== ""] })()`,
      );
      tops.push(top);
      named.push(name);
    }
    expect(named.every(Boolean)).toBe(true);
    // Along a row the tops differ by a few pixels; never back up the page by more.
    tops.slice(1).forEach((top, i) => expect(top).toBeGreaterThan((tops[i] ?? 0) - 60));
    await page.close();
  });

  it("opens a figure's table from the link below it", async () => {
    const page = await open({}, smallUrl);
    await page.locator('a[href="#figure-accuracy-table"]').click();
    await page.locator("#figure-accuracy-table").waitFor({ state: "visible" });
    expect(complaints).toEqual([]);
    await page.close();
  });
});
