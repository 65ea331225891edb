import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import * as webRuntime from "onnxruntime-web";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../dist/demo/open-model.js";
import { LocalPolicy } from "../../dist/policy/local-policy.js";
import { modelFolder } from "../../dist/policy/model-folder.js";
import { answer } from "../../dist/sharpen/answer.js";
import { findTask } from "../../dist/task/registry.js";
import { expectAccessible } from "../support/axe.js";
import { findBrowser, launchBrowser } from "../support/browser.js";
import { commandLine } from "../support/cli.js";

const executablePath = findBrowser();
if (executablePath === undefined)
  console.warn("No chromium on this machine: the page that draws by itself is not tried in one.");
const PUZZLES = 100;
const N = 8;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** What a race in the page came to. */
interface Raced {
  readonly c: number;
  readonly score: number;
  /** How often a GPU was given work. */
  readonly submitted: number;
  readonly texts: readonly string[];
}

/** Serves a folder below `/somewhere/`, as it is, with no header but the type: as the plainest of static servers. */
async function serveFolder(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(request.url!.split("?")[0]!)).replace(/^\/somewhere\//, "");
    const file = join(folder, path === "" ? "index.html" : path);
    if (!existsSync(file)) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** To be evaluated in the page: races for prompts, one after the other, by the page's own modules. */
const racing = (prompts: readonly string[], onGpu = false): string => `(async () => {
  const runtime = await import("onnxruntime-web${onGpu ? "/webgpu" : ""}");
  runtime.env.wasm.numThreads = 1;
  const { openModel } = await import("/somewhere/app/demo/open-model.js");
  const { demoTrack } = await import("/somewhere/app/demo/demo-track.js");
  const { afterFrames, newRace } = await import("/somewhere/app/page/race/state.js");
  const get = async (name) => (await fetch("/somewhere/model/" + name)).arrayBuffer();
  const track = demoTrack(openModel(runtime, get, ${onGpu}), () => 0);
  const raced = [];
  let submitted = 0;
  const { submit } = globalThis.GPUQueue?.prototype ?? {};
  if (submit) GPUQueue.prototype.submit = function (...given) { submitted++; return submit.apply(this, given); };
  for (const prompt of ${JSON.stringify(prompts)}) {
    submitted = 0;
    let race = newRace(${N});
    const asked = { prompt, best_of: ${N}, temperature: 1, reward: "log-likelihood", seed: 5, early_stop: false };
    for await (const frames of track(asked, new AbortController().signal, "")) race = afterFrames(race, frames);
    raced.push({
      c: race.chosen.c,
      score: race.chosen.why.score,
      submitted,
      texts: race.lanes.map((lane) => lane.pieces.map(({ text }) => text).join("")),
    });
  }
  return raced;
})()`;

describe.skipIf(executablePath === undefined)("the page that draws by itself", { timeout: 240_000 }, () => {
  const cli = commandLine();
  const folder = join(mkdtempSync(join(tmpdir(), "whetstone-demo-")), "page");
  const complaints: string[] = [];
  let browser: Browser;
  let server: Server;
  let policy: LocalPolicy;
  let url: string;

  beforeAll(async () => {
    const told = await cli.json(["demo-page", folder]);
    expect(told).toEqual({ folder, page: join(folder, "index.html") });
    server = await serveFolder(folder);
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/somewhere/`;
    browser = await launchBrowser(executablePath);
    policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    await policy?.dispose();
    cli.remove();
    rmSync(join(folder, ".."), { recursive: true, force: true });
  });

  async function open(options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, ...options });
    page.on("console", (message) => {
      // What Chromium itself writes where a page asks for a GPU, and there is none.
      if (message.text() !== "No available adapters.") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      if (!/^(data:|blob:)/.test(request.url()) && !request.url().startsWith(url))
        complaints.push(request.url());
    });
    await page.goto(url);
    return page;
  }

  it(`chooses as Node does on ${PUZZLES} puzzles`, async () => {
    const { prompts } = await findTask("game24");
    const asked = [...prompts("test"), ...prompts("train")].slice(0, PUZZLES).map(({ text }) => text);
    expect(asked).toHaveLength(PUZZLES);
    const page = await open();
    const raced = await page.evaluate<readonly Raced[]>(racing(asked));
    const near: string[] = [];
    for (const [i, prompt] of asked.entries()) {
      const options = { n: N, seed: 5, keepAll: true };
      const { chosen, finished, scores } = await answer(policy, prompt, options);
      const { c, score, submitted, texts } = raced[i]!;
      expect(submitted, prompt).toBe(0);
      const best = scores[finished.indexOf(chosen)]!;
      expect(Math.abs(score - best), prompt).toBeLessThan(1e-4);
      // Where two scores are closer than the rounding of two machines, either may be chosen.
      if (c !== chosen.index) near.push(`${prompt} ${best - scores[c]!}`);
      else expect(texts, prompt).toEqual(finished.map(({ text }) => text));
    }
    expect(near).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("chooses as Node does by WebGPU, where the browser has it", async () => {
    const args = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
    const withGpu = await chromium.launch({ executablePath: executablePath!, args });
    try {
      const page = await withGpu.newPage();
      await page.goto(`${url}?device=wasm`);
      const adapter = await page.evaluate<boolean>(
        "navigator.gpu?.requestAdapter().then((adapter) => adapter !== null) ?? false",
      );
      if (!adapter) {
        console.warn("This chromium has no adapter for WebGPU: the page is not tried on one.");
        return;
      }
      const asked = ["4 9 10 13 = 24 :", "1 4 8 8 = 24 :"];
      const raced = await page.evaluate<readonly Raced[]>(racing(asked, true));
      const rounded: number[] = [];
      for (const [i, prompt] of asked.entries()) {
        const { chosen, finished, scores } = await answer(policy, prompt, { n: N, seed: 5, keepAll: true });
        expect(raced[i]!.texts, prompt).toEqual(finished.map(({ text }) => text));
        expect(raced[i]!.c, prompt).toBe(chosen.index);
        const best = scores[finished.indexOf(chosen)]!;
        expect(Math.abs(raced[i]!.score - best), prompt).toBeLessThan(1e-4);
        expect(raced[i]!.submitted, prompt).toBeGreaterThan(0);
        if (raced[i]!.score !== best) rounded.push(i);
      }
      // Another device rounds otherwise, which a single score need not show.
      expect(rounded).not.toEqual([]);
      // And by the page itself, which is told so by its address.
      await page.goto(`${url}?device=webgpu`);
      await page.getByLabel("slowly").uncheck();
      await page.getByLabel("Seed").fill("5");
      await page.getByRole("button", { name: "Race" }).click();
      await page.locator(".verdict-panel").waitFor({ timeout: 120_000 });
      const { chosen } = await answer(policy, asked[0]!, { n: N, seed: 5, keepAll: true });
      expect(await page.locator(".answer").innerText()).toBe(chosen.text);
    } finally {
      await withGpu.close();
    }
  });

  it("is played by hand: the winner is Node's, other rewards are told, and it can be asked again", async () => {
    const page = await open();
    await page.getByLabel("slowly").uncheck();
    await page.getByLabel("Seed").fill("11");
    await page.getByRole("button", { name: "Race" }).click();
    await page.locator(".verdict-panel").waitFor();
    const { chosen } = await answer(policy, "4 9 10 13 = 24 :", { n: 8, seed: 11, keepAll: true });
    expect(await page.locator(".answer").innerText()).toBe(chosen.text);
    expect(await page.locator("#verdict-title").innerText()).toBe(`#${chosen.index} wins by log-likelihood`);
    expect(await page.locator(".verdict-panel tbody tr").count()).toBeGreaterThanOrEqual(3);
    await page.getByLabel("Temperature", { exact: true }).selectOption("1.6");
    await page.getByLabel("Reward", { exact: true }).selectOption("majority");
    await page.getByLabel("Seed").fill("");
    await page.getByRole("button", { name: "Race" }).click();
    await page.getByText(/Decided\. Seed \d+, temperature 1\.6/).waitFor();
    // Words that nobody taught it are drawn from like any other prompt.
    await page.getByLabel("Prompt", { exact: true }).fill("nobody taught it words");
    await page.getByLabel("Seed").fill("12");
    await page.getByRole("button", { name: "Race" }).click();
    await page.getByText(/Decided\. Seed 12, temperature 1\.6/).waitFor();
    expect(await page.locator(".error").count()).toBe(0);
    expect(await page.locator(".verdict-panel tbody tr").count()).toBeGreaterThanOrEqual(1);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it.each([
    [1400, 900, "light"],
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

  it("draws under Node as well, by the same WebAssembly", async () => {
    const get = async (name: string) => new Uint8Array(await readFile(join(folder, "model", name))).buffer;
    const inPage = await openModel(webRuntime, get);
    const options = { n: N, seed: 5 };
    const [here, there] = [
      await answer(policy, "1 4 8 8 = 24 :", options),
      await answer(inPage, "1 4 8 8 = 24 :", options),
    ];
    expect(there.chosen.text).toBe(here.chosen.text);
  });

  it("writes over its own pages alone", async () => {
    const other = mkdtempSync(join(tmpdir(), "whetstone-demo-other-"));
    writeFileSync(join(other, "index.html"), "mine");
    const { status, stderr } = await cli.run(["demo-page", other]);
    expect(status).toBe(2);
    expect(stderr).toContain("has something else in it");
    expect(readFileSync(join(other, "index.html"), "utf8")).toBe("mine");
    rmSync(other, { recursive: true });
  });
});
