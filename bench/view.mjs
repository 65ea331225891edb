/**
 * `npm run bench:view`: how soon Chromium shows the list of runs, and a run of 100,000 responses, to a viewer that has seen neither, and to one
 * that has; what it fetches and holds. Prints the figures, and a JSON object as the last line.
 */
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { spread } from "./processes.mjs";

const { values } = parseArgs({
  options: {
    prompts: { type: "string", default: "2000" },
    n: { type: "string", default: "50" },
    tokens: { type: "string", default: "200" },
    repeats: { type: "string", default: "5" },
  },
});
const VIEWPORT = { viewport: { width: 1400, height: 900 } };

/** The viewer in a process of its own. @param {string} folder */
async function startViewer(folder) {
  const child = spawn(process.execPath, ["dist/cli/main.js", "view", folder, "--port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const url = await /** @type {Promise<string>} */ (
    new Promise((resolve, reject) => {
      let text = "";
      child.stdout.on("data", (/** @type {Buffer} */ data) => {
        text += data.toString();
        const found = /http:\S+/.exec(text);
        if (found) resolve(new URL(found[0]).origin);
      });
      child.once("exit", () => reject(new Error("the viewer ended")));
    })
  );
  return { url, close: () => child.kill() };
}

/**
 * Seconds from the navigation until the first paint, and until an element is there.
 * @param {import("playwright-core").Browser} browser @param {string} url @param {string} selector
 */
async function opened(browser, url, selector) {
  const page = await browser.newPage(VIEWPORT);
  let fetched = 0;
  page.on("response", async (response) => {
    fetched += (await response.body().catch(() => Buffer.alloc(0))).length;
  });
  await page.goto(url, { waitUntil: "commit" });
  const there = /** @type {number} */ (
    await page.evaluate(`new Promise((resolve) => {
      const look = () => document.querySelector(${JSON.stringify(selector)})
        ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
        : setTimeout(look, 2);
      look();
    })`)
  );
  const paint = /** @type {number} */ (
    await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
  );
  return { page, paint: paint / 1000, there: there / 1000, fetched: () => fetched };
}

/** Milliseconds between frames while the prompts are scrolled through, sorted. @param {import("playwright-core").Page} page */
async function scrolled(page) {
  return /** @type {number[]} */ (
    await page.evaluate(`new Promise((resolve) => {
      const box = document.querySelector(".prompt-box");
      const frames = [];
      let last = performance.now();
      const step = (now) => {
        frames.push(now - last);
        last = now;
        box.scrollTop += 60;
        if (frames.length < 300) requestAnimationFrame(step);
        else resolve(frames.slice(1).sort((a, b) => a - b));
      };
      requestAnimationFrame(step);
    })`)
  );
}

const folder = mkdtempSync(join(tmpdir(), "whetstone-bench-view-"));
const args = ["--prompts", values.prompts, "--n", values.n, "--tokens", values.tokens];
spawnSync(process.execPath, ["bench/large-run.mjs", "make", join(folder, "large"), ...args], {
  stdio: "inherit",
});
const browser = await chromium.launch({
  executablePath: process.env["WHETSTONE_CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
try {
  // The browser's own first page takes what no viewer can spare.
  await (await browser.newPage()).close();
  /** @type {Record<"list" | "listAgain" | "paint" | "cold" | "warm", number[]>} */
  const seconds = { list: [], listAgain: [], paint: [], cold: [], warm: [] };
  /** @type {Record<string, number>} */
  let held = {};
  for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
    const viewer = await startViewer(folder);
    const list = await opened(browser, `${viewer.url}/runs`, "table.runs");
    seconds.list.push(list.paint);
    await list.page.close();
    const again = await opened(browser, `${viewer.url}/runs`, "table.runs");
    seconds.listAgain.push(again.paint);
    await again.page.close();
    const cold = await opened(browser, `${viewer.url}/runs?run=large`, ".prompt-text");
    seconds.paint.push(cold.paint);
    seconds.cold.push(cold.there);
    await cold.page.close();
    const warm = await opened(browser, `${viewer.url}/runs?run=large`, ".prompt-text");
    seconds.warm.push(warm.there);
    const frames = await scrolled(warm.page);
    const before = warm.fetched();
    const line = {
      promptId: "q-0",
      index: 50,
      text: "one more",
      tokens: [1],
      logProbs: [-1],
      finish: "stop",
    };
    appendFileSync(
      join(folder, "large", "responses.jsonl"),
      `${JSON.stringify({ ...line, index: 50 + repeat })}\n`,
    );
    await sleep(1500);
    held = {
      frame95: frames[Math.floor(0.95 * frames.length)] ?? NaN,
      heap: /** @type {number} */ (await warm.page.evaluate("performance.memory.usedJSHeapSize")),
      afterOneMore: warm.fetched() - before,
      fetched: before,
    };
    await warm.page.close();
    viewer.close();
  }
  const said = (/** @type {readonly number[]} */ each) => {
    const { median, least, largest } = spread([...each]);
    return `${median.toFixed(2)} s (${least.toFixed(2)} to ${largest.toFixed(2)})`;
  };
  console.log(`list, first paint, to a viewer just started     ${said(seconds.list)} (wanted: ≤ 0.3)`);
  console.log(`list, first paint, afterwards                   ${said(seconds.listAgain)}`);
  console.log(`run, first paint                                ${said(seconds.paint)} (wanted: ≤ 0.3)`);
  console.log(`run, first prompts, seen for the first time     ${said(seconds.cold)} (wanted: ≤ 1)`);
  console.log(`run, first prompts, afterwards                  ${said(seconds.warm)}`);
  console.log(
    `scrolling: 95 in 100 frames within ${held["frame95"]?.toFixed(0)} ms; heap ${((held["heap"] ?? NaN) / 1e6).toFixed(0)} MB (wanted: ≤ 150); fetched ` +
      `${held["fetched"]} bytes with all prompts scrolled through, ${held["afterOneMore"]} once one more was drawn`,
  );
  console.log(JSON.stringify({ seconds, ...held }));
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
