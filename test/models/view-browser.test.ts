import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible } from "../support/axe.js";
import { findBrowser, launchBrowser, openWatched, watchBodies } from "../support/browser.js";
import { commandLine, type CommandLine, type Running } from "../support/cli.js";
import { ONE_THREAD } from "../support/small-job.js";

const executablePath = findBrowser();
if (executablePath === undefined)
  console.warn("No chromium on this machine: the browser tests of the viewer are skipped.");
/** What the whole app may weigh, compressed, without what it asks for. */
const MOST_BYTES = 60_000;
const SMALL = ["--prompts", "12", "--n", "10", "--seed", "3", ...ONE_THREAD, "--no-amortize"];

describe.skipIf(executablePath === undefined)("runs in a browser", { timeout: 120_000 }, () => {
  let browser: Browser;
  let cli: CommandLine;
  let viewing: Running;
  let url: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    cli = commandLine();
    await cli.runInTurn([
      ["sharpen", "game24", ...SMALL, "--run", "runs/warm"],
      ["sharpen", "game24", ...SMALL, "--temperature", "0.5", "--run", "runs/cool"],
    ]);
    viewing = cli.start(["view", "--port", "0", "--json"]);
    const told = await new Promise<string>((resolve) => viewing.child.stdout!.once("data", resolve));
    ({ url } = JSON.parse(told) as { url: string });
    browser = await launchBrowser(executablePath);
  });
  afterAll(async () => {
    await browser?.close();
    viewing?.child.kill("SIGINT");
    await viewing?.ended;
    cli?.remove();
  });

  const open = (query = "", options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> =>
    openWatched(browser, url + query, complaints, options);

  const drawn = async (page: Page): Promise<number> =>
    Number((await page.locator(".standing .progress").innerText()).split(" of ")[0]!.replaceAll(/\D/g, ""));

  it("shows a run that another process draws, as it is drawn, through a reload, until its report is there", async () => {
    const page = await open();
    const job = cli.start([
      ...["sharpen", "game24", "--prompts", "160", "--n", "50", "--orders", "1", ...ONE_THREAD],
      ...["--no-amortize", "--run", "runs/live"],
    ]);
    const row = page.locator("tr", { hasText: "live" });
    await row.locator(".state.drawing .progress, .state.drawing").first().waitFor({ timeout: 60_000 });
    await row.getByRole("link").click();
    await page.locator(".standing .progress").waitFor();
    const first = await drawn(page);
    await expect.poll(() => drawn(page)).toBeGreaterThan(first);
    await expect.poll(() => page.locator(".prompt-row").count()).toBeGreaterThan(10);
    await page
      .getByText(/^[1-9]\d* of 50 drawn/)
      .first()
      .waitFor();
    const before = await drawn(page).catch(() => first);
    await page.reload();
    await page.locator(".standing").waitFor();
    const state = await page.locator(".standing .state").innerText();
    if (state === "drawing") expect(await drawn(page)).toBeGreaterThanOrEqual(before);
    await page.locator(".standing .state.done").waitFor({ timeout: 90_000 });
    expect((await job.ended).status).toBe(0);
    await page.getByRole("link", { name: "Report" }).click();
    await page.locator("figure.leading .wide svg").waitFor();
    await expect.poll(() => page.locator("h1").innerText()).toContain("50");
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("says that a run whose process was killed has stopped", async () => {
    const page = await open();
    const job = cli.start([
      ...["sample", "game24", "--prompts", "256", "--n", "200", ...ONE_THREAD, "--run", "runs/killed"],
    ]);
    const row = page.locator("tr", { hasText: "killed" });
    await row.locator(".state.drawing").waitFor({ timeout: 60_000 });
    job.child.kill("SIGKILL");
    await job.ended;
    await row.locator(".state.stopped").waitFor();
    expect(await row.locator(".progress").innerText()).toMatch(/^\s*[\d,]+ of 51,200 responses/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("can be gone through by keyboard alone: list, run, prompts, one after the other, and back", async () => {
    const page = await open();
    await page.locator("table.runs").waitFor();
    const press = async (key: string, until: string): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press(key);
        const words = await page.evaluate<string>(
          "document.activeElement.matches('a') ? document.activeElement.textContent : ''",
        );
        if (words.includes(until)) return;
      }
      throw new Error(`Nothing with ${until} was reached by ${key}.`);
    };
    await press("Tab", "warm");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Prompts" }).waitFor();
    await press("Tab", "Prompts");
    await page.keyboard.press("Enter");
    await page.locator(".prompt-text").first().waitFor();
    await press("Tab", "= 24 :");
    await page.keyboard.press("Enter");
    await page.locator(".answer-group").first().waitFor();
    await expect.poll(() => page.locator(".turning").innerText()).toContain("1 of 12");
    // Four keys within a frame: each leads on from where the one before it led.
    await page.evaluate(`(async () => {
      for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"]) {
        dispatchEvent(new KeyboardEvent("keydown", { key }));
        await new Promise((next) => setTimeout(next));
      }
    })()`);
    await page.getByText("3 of 12").waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByText("2 of 12").waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByText("1 of 12").waitFor();
    const counted = async (): Promise<number[]> =>
      (await page.locator(".answer-count b").allInnerTexts()).map((text) => parseInt(text, 10));
    // The heading is there before the prompt's responses are.
    await expect.poll(async () => (await counted()).reduce((a, b) => a + b, 0)).toBe(10);
    const counts = await counted();
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    await page.keyboard.press("Escape");
    await page.locator(".prompt-box").waitFor();
    await page.getByLabel("Show only").focus();
    await page.keyboard.press("ArrowDown");
    await page.getByText(/^\d+ of 12 prompts$/).waitFor();
    await page.goBack();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("has two runs side by side, by checking both in the list", async () => {
    const page = await open();
    await page.getByLabel("Compare runs/warm").or(page.getByLabel("Compare warm")).check();
    await page.getByLabel("Compare cool").check();
    await page.getByRole("button", { name: "Compare" }).click();
    const rows = page.locator("table.compared tbody tr");
    await rows.first().waitFor();
    expect(await rows.filter({ hasText: "temperature" }).innerText()).toMatch(/1\s+0\.5/);
    const greedy = await rows.filter({ hasText: "greedy: accuracy" }).innerText();
    expect(greedy).toContain("0.0");
    const sample = rows.filter({ hasText: "one sample: log-likelihood" });
    expect(await sample.innerText()).toMatch(/▲ more \+\d\.\d\d \[\+/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it.each([
    [1400, 900, "light"],
    [390, 844, "dark"],
  ] as const)(
    "has no fault that axe-core knows, nothing over the edge (%i × %i, %s)",
    async (width, height, colorScheme) => {
      for (const [query, ready] of [
        ["", "table.runs"],
        ["?run=warm", "figure.leading svg"],
        ["?run=warm&show=prompts", ".prompt-link"],
        ["?run=warm&show=prompts&prompt=2", ".answer-group"],
        ["?run=warm&beside=cool", "table.compared"],
      ] as const) {
        const page = await open(query, { viewport: { width, height }, colorScheme, bypassCSP: true });
        await page.locator(ready).first().waitFor({ state: "attached" });
        await expectAccessible(page);
        await page.close();
      }
    },
  );

  it("opens 100,000 responses without fetching them, and scrolls to any of them", async () => {
    manyResponses(join(cli.folder, "runs", "large"));
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const fetchedBodies = watchBodies(page);
    await page.goto(`${url}?run=large`);
    await page.locator(".prompt-text").first().waitFor();
    await page.evaluate(
      "(() => { const box = document.querySelector('.prompt-box'); box.scrollTop = box.scrollHeight; })()",
    );
    await page.getByText("prompt number 1999").waitFor();
    expect(await page.locator(".prompt-row").count()).toBeLessThan(60);
    const fetched = (await fetchedBodies()).reduce((sum, { length }) => sum + length, 0);
    expect(fetched).toBeGreaterThan(0);
    expect(fetched).toBeLessThan(500_000);
    expect(await page.evaluate<number>("performance.memory.usedJSHeapSize")).toBeLessThan(150e6);
    await page.close();
  });

  it("weighs little", async () => {
    const page = await browser.newPage();
    const fetchedBodies = watchBodies(page, (address) => !address.includes("/api/"));
    await page.goto(url);
    await page.locator("table.runs").waitFor();
    const sizes = (await fetchedBodies()).map((body) => gzipSync(body).length);
    expect(sizes.length).toBeGreaterThan(8);
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(MOST_BYTES);
    await page.close();
  });
});

/** 2,000 prompts with 50 responses each, of a task that is not at hand. */
function manyResponses(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const manifest = {
    ...{ format: 2, whetstone: "0.1.0", node: "20", onnxruntime: "1" },
    model: { name: "m", digest: "m" },
    task: { name: "gone.jsonl", digest: "t", path: "gone.jsonl" },
    drawing: { n: 50, temperature: 1, maxTokens: 64 },
    seeds: { run: 0 },
    ...{ command: "whetstone sample gone.jsonl", createdAt: "2026-01-01T00:00:00.000Z" },
  };
  writeFileSync(join(dir, "manifest.json"), JSON.stringify(manifest));
  const ids = Array.from({ length: 2000 }, (_, at) => at);
  const lines = (values: readonly object[]): string =>
    values.map((value) => `${JSON.stringify(value)}\n`).join("");
  writeFileSync(
    join(dir, "prompts.jsonl"),
    lines(ids.map((at) => ({ id: `p${at}`, text: `prompt number ${at}`, split: "test" }))),
  );
  const logProbs = Array.from({ length: 40 }, (_, i) => -i / 7);
  const response = (at: number, index: number): object => ({
    ...{ promptId: `p${at}`, index, text: `Response ${index % 7} to ${at}, which goes on for a while.` },
    ...{ tokens: logProbs.map((_, i) => i), logProbs, finish: "stop" },
  });
  writeFileSync(join(dir, "greedy.jsonl"), lines(ids.map((at) => response(at, -1))));
  writeFileSync(
    join(dir, "responses.jsonl"),
    lines(ids.flatMap((at) => Array.from({ length: 50 }, (_, index) => response(at, index)))),
  );
}
