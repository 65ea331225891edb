import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { randomStream } from "../../src/core/random.js";
import { ServerError } from "../../src/core/errors.js";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { localTrainers } from "../../src/policy/local-trainer.js";
import type { Policy, Response } from "../../src/policy/policy.js";
import { onServers, type Serving } from "../../src/sharpen/served-adapters.js";
import { newAdapter } from "../../src/transformer/decoder/lora.js";
import { loadAdapter, saveAdapter } from "../../src/transformer/format/peft.js";
import { commandLine, recordsOf, type CommandLine } from "../support/cli.js";
import { loraServer, type LoraMisdeed, type LoraServer } from "../support/lora-server.js";
import { writeTinyModel, writeTinyPrompts } from "../support/tiny-model.js";
import { PYTHON, startWorker, type Worker } from "../support/worker.js";

const PROMPTS = Array.from({ length: 8 }, (_, i) => ({ id: `p${i}`, text: `${i + 1} 2 3 4 = 24 :` }));

describe("an adapter on servers", () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-served-"));
  const running: LoraServer[] = [];
  let base: LocalPolicy;
  /** Folders of two adapters that change much, and of one that changes nothing. */
  const [first, second, nothing] = ["first", "second", "nothing"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  beforeAll(async () => {
    await writeTinyModel(join(folder, "base"), 3);
    base = await LocalPolicy.load(join(folder, "base"), { threads: 1, name: "tiny" });
    for (const [place, seed, size] of [
      [first, 1, 0.5],
      [second, 2, 0.5],
      [nothing, 3, 0],
    ] as const) {
      const stream = randomStream(seed, "adapter");
      const adapter = newAdapter(base.runtime.model.config, { rank: 4 }, stream);
      for (const { b } of adapter.weights.values()) b.forEach((_, i) => (b[i] = size * stream.normal()));
      mkdirSync(place);
      await saveAdapter(place, adapter);
    }
  });
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
  });
  afterAll(async () => {
    await base?.dispose();
    rmSync(folder, { recursive: true });
  });

  const started = async (...misdeeds: readonly (LoraMisdeed | undefined)[]): Promise<LoraServer[]> => {
    for (const misdeed of misdeeds) running.push(await loraServer(base, misdeed));
    return running;
  };
  const notes: string[] = [];
  const serve = (
    adapter: string,
    servers: readonly LoraServer[],
    more: Partial<Serving> = {},
  ): Promise<Policy> => {
    notes.length = 0;
    const serving: Serving = {
      servers: (model) => ({ model, baseUrls: servers.map(({ url }) => url), api: "completions" }),
      shared: join(folder, "shared"),
      base: async () => base.withAdapter(await loadAdapter(nothing)),
      endTokens: base.runtime.model.config.eosTokenIds,
      measured: () => ({ prompts: PROMPTS, noise: 0 }),
      maxTokens: 8,
      note: (text) => notes.push(text),
      ...more,
    };
    return onServers(localTrainers(base), serving).withAdapter(adapter, "sft");
  };
  it("is loaded into each, draws what it says, and is unloaded afterwards", async () => {
    const servers = await started(undefined, undefined);
    const served = await serve(first, servers);
    for (const { adapters } of servers)
      expect([...adapters.keys()]).toEqual([expect.stringMatching(/^w-[0-9a-f]{32}$/)]);
    const drawn: Response[] = [];
    const requests = PROMPTS.flatMap((prompt) => [0, 1].map((index) => ({ prompt, index })));
    for await (const response of served.sample(requests, { temperature: 1, maxTokens: 8, seed: 1 }))
      drawn.push(response);
    expect(drawn).toHaveLength(16);
    const adapted = await base.withAdapter(await loadAdapter(first));
    const scored = await adapted.logProb(
      drawn.map(({ promptId, tokens }) => ({ prompt: PROMPTS.find(({ id }) => id === promptId)!, tokens })),
    );
    drawn.forEach(({ logProbs }, i) =>
      logProbs.forEach((value, t) => expect(Math.abs(value - scored[i]![t]!)).toBeLessThan(1e-3)),
    );
    await served.dispose();
    for (const { events } of servers) expect(events.map((event) => event[0])).toEqual(["+", "-"]);
    expect(notes).toEqual([expect.stringContaining(`as ${servers[0]!.events[0]!.slice(1)}`)]);
  });

  it.each<[string, LoraMisdeed | undefined, LoraMisdeed, RegExp]>([
    ["that is an earlier one", undefined, { stale: second }, /another adapter answers there/],
    ["that one replica lacks", undefined, "forgets", /has loaded the adapter w-\w+, and does not list it/],
    ["that does nothing", undefined, "does nothing", /the adapter does nothing there/],
    [
      "that is an earlier one everywhere",
      { stale: second },
      { stale: second },
      /another adapter answers there/,
    ],
    ["that a server refuses", undefined, "refuses", /does not load the adapter .*: 400 rank 9 is too large/],
  ])("%s is refused before anything is drawn, and none stays loaded", async (_, one, other, sentence) => {
    const servers = await started(one, other);
    const refused = serve(first, servers);
    await expect(refused).rejects.toThrow(sentence);
    await expect(refused).rejects.toThrow(ServerError);
    for (const { adapters } of servers) expect([...adapters.keys()]).toEqual([]);
  });

  it("that changes nothing is let through, and it is said that it cannot be told from none", async () => {
    const servers = await started("does nothing");
    await (await serve(nothing, servers)).dispose();
    expect(notes[0]).toMatch(/whether it is there cannot be told/);
  });

  it("is allowed the noise between server and trainer, twice", async () => {
    const servers = await started({ stale: second });
    const loud = { measured: () => ({ prompts: PROMPTS, noise: 50 }) };
    await (await serve(first, servers, loud)).dispose();
    expect(notes[0]).toMatch(/whether it is there cannot be told/);
  });

  it("waits where a server loads none while it runs, until it is served by hand", async () => {
    const [server] = await started("no route");
    const told: string[] = [];
    const unserved: Serving["unserved"] = ({ name, path }) => Promise.resolve(void told.push(name, path));
    const refused = serve(first, [server!], { unserved });
    await expect(refused).rejects.toMatchObject({ reason: "adapter-not-served" });
    const [name, path] = told as [string, string];
    expect(readdirSync(path).sort()).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
    // Somebody starts it anew with the adapter.
    await server!.stop();
    const anew = await loraServer(base);
    running[0] = anew;
    await fetch(`${anew.url}/load_lora_adapter`, {
      method: "POST",
      body: JSON.stringify({ lora_name: name, lora_path: path }),
    });
    await (await serve(first, [anew], { unserved })).dispose();
    expect(anew.events).toEqual([`+${name}`]);
  });
});

describe.skipIf(PYTHON === undefined)("sharpening what servers draw", () => {
  let cli: CommandLine;
  let worker: Worker;
  let base: LocalPolicy;
  let servers: LoraServer[];
  beforeAll(async () => {
    cli = commandLine();
    const place = join(cli.folder, "tiny");
    await writeTinyModel(place, 2);
    base = await LocalPolicy.load(place, { threads: 1, name: "tiny" });
    worker = await startWorker(place, ["--threads", "1"]);
    servers = [await loraServer(base), await loraServer(base)];
    writeTinyPrompts(join(cli.folder, "prompts.jsonl"));
  });
  afterAll(async () => {
    for (const server of servers ?? []) await server.stop();
    await base?.dispose();
    await worker?.remove();
    cli?.remove();
  });
  const task = (run: string): string[] => [
    ...[
      "--task",
      "prompts.jsonl",
      "--model",
      "openai:tiny",
      "--raw",
      "--n",
      "3",
      "--max-tokens",
      "6",
      "--run",
      run,
    ],
  ];
  const urls = (): string[] => ["--base-url", servers.map(({ url }) => url).join(",")];
  const training = (): string[] => [
    ...[
      "--trainer",
      `tinker+${worker.url}`,
      "--base",
      "tiny",
      "--epochs",
      "2",
      "--rank",
      "8",
      "--alpha",
      "256",
    ],
    ...["--curve-samples", "0", "--server-adapters", "shared"],
  ];

  it("closes the loop: draws on servers, trains on a trainer, loads the adapter into the servers and measures it there", async () => {
    const ended = await cli.run(["sharpen", ...task("whole"), ...urls(), ...training(), "--methods", "sft"]);
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toContain("the same model");
    expect(ended.stderr).toMatch(/sft is drawn from on http.* as w-/);
    for (const { events } of servers) expect(events.map((event) => event[0])).toEqual(["+", "-"]);
    const adapter = join(cli.folder, "whole", "adapters", "sft");
    const drawn = recordsOf<Response>(join(adapter, "responses.jsonl"));
    expect(drawn).toHaveLength(5 * 3);
    const adapted = await base.withAdapter(await loadAdapter(adapter));
    const scored = await adapted.logProb(
      drawn.map(({ promptId, tokens }) => ({
        prompt: { id: promptId, text: `${promptId.slice(1)} 2 3 4 = 24 :` },
        tokens,
      })),
    );
    drawn.forEach(({ logProbs }, i) =>
      logProbs.forEach((value, t) => expect(Math.abs(value - scored[i]![t]!)).toBeLessThan(1e-3)),
    );
  });

  it("trains on a run that servers drew, whose model is on this machine for nobody", async () => {
    const drawn = await cli.run(["sample", ...task("drawn"), ...urls()]);
    expect(drawn.status, drawn.stderr).toBe(0);
    const without = await cli.run(["train", "sft", "drawn"]);
    expect(without.status).not.toBe(0);
    expect(without.stderr).toContain("train it elsewhere with --trainer");
    const ended = await cli.run(["train", "sft", "drawn", ...training()]);
    expect(ended.status, ended.stderr).toBe(0);
    const [whole, anew] = ["whole", "drawn"].map((run) =>
      recordsOf<{ readonly validationLoss: number }>(
        join(cli.folder, run, "adapters", "sft", "epochs.jsonl"),
      ),
    );
    expect(anew).toHaveLength(3);
    anew!.forEach(({ validationLoss }, i) =>
      expect(validationLoss).toBeCloseTo(whole![i]!.validationLoss, 6),
    );
  });
});
