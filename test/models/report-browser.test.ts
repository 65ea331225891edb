import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderReport } from "../../src/report/render-report.js";
import { syntheticRun } from "../../src/report/synthetic-run.test-helper.js";
import { axeViolations } from "../support/axe.js";
import { contrastProbe, findBrowser, launchBrowser, type Contrast } from "../support/browser.js";

const CONTRAST = contrastProbe("script,noscript,option,.skip");
const executablePath = findBrowser();
if (executablePath === undefined)
  console.warn("No chromium on this machine: the browser tests of the report are skipped.");

describe.skipIf(executablePath === undefined)("the report in a browser", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-page-"));
  const url = pathToFileURL(join(folder, "report.html")).href;
  const run = syntheticRun({ methods: ["sft", "dpo"] });
  const smallUrl = pathToFileURL(join(folder, "small.html")).href;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    writeFileSync(join(folder, "report.html"), renderReport(run));
    writeFileSync(
      join(folder, "small.html"),
      renderReport(syntheticRun({ prompts: 12, methods: ["sft", "dpo"] })),
    );
    browser = await launchBrowser(executablePath);
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
      "document.querySelectorAll('details:not(.prompt), details.prompt:nth-of-type(-n+3)').forEach((d) => (d.open = true))",
    );
    await page.locator("table.all").first().waitFor();
  };
  const shown = (page: Page): Promise<string> => page.locator("#shown").innerText();

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
    expect(await shown(page)).toBe(`${expected} of 256 prompts`);
    await page.locator("#filter-text").fill("");
    expect(await shown(page)).toBe("256 prompts");

    await page.locator("#filter-none").focus();
    await page.keyboard.press("Space");
    const none = run.prompts.filter((p) => !p.responses.some((r) => r.correct)).length;
    expect(none).toBeGreaterThan(0);
    expect(await shown(page)).toBe(`${none} of 256 prompts`);
    await page.keyboard.press("Space");
    await page.locator("#filter-disagree").focus();
    await page.keyboard.press("Space");
    const disagree = run.prompts.filter(
      (p) => new Set(p.responses.filter((r) => r.chosenBy.length > 0).map((r) => r.answer)).size > 1,
    ).length;
    expect(await shown(page)).toBe(`${disagree} of 256 prompts`);
    await page.keyboard.press("Space");

    await page.locator("#sort").focus();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowUp");
    expect(await page.locator("#sort").inputValue()).toBe("most");
    const correct = async (): Promise<number[]> =>
      (await page.locator("details.prompt .fact").allInnerTexts()).flatMap((text) =>
        text.includes("right") ? [Number(text.split(" ")[0])] : [],
      );
    // Equal texts are one on the page: they are right alike.
    const rightOf = ({ responses }: (typeof run.prompts)[number]): number => {
      const first = new Map(responses.toReversed().map(({ text, correct }) => [text, correct]));
      return responses.filter(({ text }) => first.get(text)).length;
    };
    const wanted = run.prompts.map(rightOf).sort((a, b) => b - a);
    expect(await correct()).toEqual(wanted.slice(0, 25));
    await page.locator("#next").focus();
    await page.keyboard.press("ArrowRight");
    expect(await correct()).toEqual(wanted.slice(25, 50));
    expect(await page.locator("#page").innerText()).toBe("Page 2 of 11");

    await page.locator("#sort").selectOption("order");
    await page.locator("#filter-gain").check();
    const gains = run.prompts.filter(
      (p) => p.greedy?.correct === false && p.responses.some((r) => r.correct && r.chosenBy.length > 0),
    );
    expect(gains.length).toBeGreaterThan(0);
    expect(await shown(page)).toBe(`${gains.length} of 256 prompts`);
    const marks = await page.locator("details.prompt").first().locator(".mark").allInnerTexts();
    expect(marks[0]).toContain("greedy");
    expect(marks[0]).toContain("incorrect");
    expect(marks.slice(1).some((text) => /(?<!in)correct/.test(text))).toBe(true);
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
    const texts = [...new Set([...(prompt?.responses.map((r) => r.text) ?? []), prompt?.greedy?.text])];
    expect(await rows.count()).toBe(texts.length);
    expect(new Set(await rows.locator("th").allInnerTexts())).toEqual(new Set(texts));
    const times = await rows.locator("td:nth-child(2)").allInnerTexts();
    const counts = times.map((text) => Number.parseInt(text, 10) || 0);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(counts.reduce((a, b) => a + b, 0)).toBe(50);
    const heading = details.getByRole("button", { name: "log π, nats" });
    await heading.focus();
    await page.keyboard.press("Enter");
    expect(await details.locator("table.all th[aria-sort]").getAttribute("aria-sort")).toBe("descending");
    const best = Math.max(...(prompt?.responses.map((r) => r.logProb) ?? []));
    expect(await rows.first().locator("td:nth-child(4)").innerText()).toBe(`−${Math.abs(best).toFixed(2)}`);
    await page.close();
  });

  it("tells a chart's values where one points, by mouse and by keyboard", async () => {
    const page = await open();
    const chart = page.locator("figure.leading .wide svg");
    const first = chart.locator(".at").first();
    await first.locator(".strip").hover();
    expect(
      await page.evaluate(
        "getComputedStyle(document.querySelector('figure.leading .wide .at .tip')).visibility",
      ),
    ).toBe("visible");
    await chart.focus();
    await page.keyboard.press("ArrowLeft");
    const said = await page.locator("p.sr[role=status]").innerText();
    expect(said).toMatch(/^N 25, /);
    const accuracy = run.metrics.bestOfN["majority"]!["25"]!.accuracy!;
    expect(said).toContain(`majority ${(100 * accuracy.value).toFixed(1)}`);
    await page.close();
  });

  it("has its verdict, its key figures and its first chart on the first screen, and little below", async () => {
    const page = await open({ viewport: { width: 1400, height: 900 } });
    const bottom = (selector: string): Promise<number> =>
      page.evaluate<number>(
        `Math.max(...[...document.querySelectorAll(${JSON.stringify(selector)})].map((e) => e.getBoundingClientRect().bottom))`,
      );
    expect(await bottom("figure.leading .wide svg, .kpis")).toBeLessThan(900);
    const tops = await page.evaluate<number[]>(
      "[...document.querySelectorAll('.kpi')].map((e) => e.getBoundingClientRect().top)",
    );
    expect(new Set(tops).size).toBe(1);
    expect(await page.evaluate<number>("document.documentElement.scrollHeight / innerHeight")).toBeLessThan(
      12,
    );
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await bottom("figure.leading .narrow svg")).toBeLessThan(2 * 844);
    await page.close();
  });

  it.each([
    [1400, "dark"],
    [390, "light"],
  ] as const)("has no fault that axe-core knows (%i, %s)", async (width, colorScheme) => {
    const page = await open({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true }, smallUrl);
    await openDetails(page);
    expect(await axeViolations(page)).toEqual([]);
    await page.close();
  });

  it("says without scripts where the responses are", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(smallUrl);
    expect(await page.locator("#filters").isVisible()).toBe(false);
    expect(await page.locator("#browse noscript").innerText()).toContain("responses.jsonl");
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
      expect(Math.min(...sizes)).toBeGreaterThan(width < 340 ? 9 : 10.9);
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
    // A chart stands beside its words, whose link lies lower; never back up the page by more.
    tops.slice(1).forEach((top, i) => expect(top).toBeGreaterThan((tops[i] ?? 0) - 260));
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
