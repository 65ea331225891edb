import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { serveApp } from "../../dist/serve/app.js";
import { startServer, type RunningServer } from "../../dist/serve/server.js";
import { LocalPolicy } from "../../dist/policy/local-policy.js";
import { modelFolder } from "../../dist/policy/model-folder.js";
import { rewardNamed } from "../../dist/reward/registry.js";
import { answer } from "../../dist/sharpen/answer.js";
import { expectAccessible } from "../support/axe.js";
import { findBrowser, launchBrowser, openWatched, watchBodies } from "../support/browser.js";

const executablePath = findBrowser();
if (executablePath === undefined)
  console.warn("No chromium on this machine: the browser tests of the race are skipped.");
/** What the whole app may weigh, compressed. */
const MOST_BYTES = 60_000;
const PROMPT = "4 9 10 13 = 24 :";

describe.skipIf(executablePath === undefined)("the race in a browser", { timeout: 60_000 }, () => {
  let browser: Browser;
  let policy: LocalPolicy;
  let server: RunningServer;
  const complaints: string[] = [];

  beforeAll(async () => {
    policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
    let ids = 0;
    const settings: Parameters<typeof serveApp>[0] = {
      model: { id: policy.name, policy, takes: "text" },
      defaults: { bestOf: 8, reward: rewardNamed("log-likelihood") },
      surroundings: { now: () => 0, freshSeed: () => 11, freshId: () => `${ids++}` },
    };
    server = await startServer(settings, { port: 0 });
    browser = await launchBrowser(executablePath);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await policy?.dispose();
  });

  const open = (options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> =>
    openWatched(browser, server.url, complaints, options);

  it("shows every candidate, names the winner, and chooses as `answer` does", async () => {
    const page = await open();
    await page.getByLabel("slowly").uncheck();
    await page.getByRole("button", { name: "Race" }).click();
    await page.locator(".verdict-panel").waitFor();
    const { chosen } = await answer(policy, PROMPT, { n: 8, seed: 11, keepAll: true });
    expect(await page.locator(".answer").innerText()).toBe(chosen.text);
    expect(await page.locator("#verdict-title").innerText()).toBe(`#${chosen.index} wins by log-likelihood`);
    expect(await page.locator(".lane").count()).toBe(8);
    expect(await page.locator(".lane.won .said").innerText()).toBe(chosen.text);
    expect(await page.locator("svg polyline").count()).toBe(8);
    expect(await page.locator(".verdict-panel tbody tr").count()).toBeGreaterThanOrEqual(3);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("goes a token at a time, stops, and starts again, by keyboard alone", async () => {
    const page = await open();
    await page.getByLabel("Seed").focus();
    await page.keyboard.type("5");
    await page.keyboard.press("Enter");
    await page.getByText("being drawn").first().waitFor();
    expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(1);
    await page.getByRole("button", { name: "Stop" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText(/Stopped\. Seed 5/).waitFor();
    await page.getByLabel("slowly").uncheck();
    await page.getByRole("button", { name: "Race" }).press("Enter");
    await page.locator(".verdict-panel").waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("says what the server says where it refuses", async () => {
    const page = await open();
    await page.route("**/api/race", (route) => route.abort());
    await page.getByRole("button", { name: "Race" }).click();
    await page.locator(".error").waitFor();
    complaints.length = 0;
    await page.close();
  });

  it.each([
    [1400, 900, "light"],
    [1400, 900, "dark"],
    [390, 844, "light"],
    [390, 844, "dark"],
  ] as const)(
    "has no fault that axe-core knows, nothing over the edge (%i × %i, %s)",
    async (width, height, scheme) => {
      const page = await open({ viewport: { width, height }, colorScheme: scheme, bypassCSP: true });
      await page.getByLabel("slowly").uncheck();
      await page.getByRole("button", { name: "Race" }).click();
      await page.locator(".verdict-panel").waitFor();
      await expectAccessible(page);
      await page.close();
    },
  );

  it("weighs little, and is fetched from its own server alone", async () => {
    const page = await browser.newPage();
    const fetchedBodies = watchBodies(page, (address) => address.startsWith("http"));
    await page.goto(server.url);
    await page.waitForLoadState("networkidle");
    const sizes = (await fetchedBodies()).map((body) => gzipSync(body).length);
    expect(sizes.length).toBeGreaterThan(8);
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(MOST_BYTES);
    await page.close();
  });
});
