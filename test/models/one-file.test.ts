/**
 * A new method, reward, family and protocol are a file each and an entry in their registry: here they are added to a copy of
 * the source, as a developer would, checked by the compiler, and used by the command line.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isTest } from "../../scripts/lib/files.mjs";
import { serve } from "../../src/policy/remote/remote.test-helper.js";
import { commandLine, type CommandLine } from "../support/cli.js";
import { compileSource } from "../support/compiled.js";
import { ROOT } from "../support/fixture.js";

/** What each part is: its file, and the registry with the end of the list that its name is added to. */
const PARTS = [
  {
    file: "src/reward/brevity.ts",
    name: "brevity",
    registry: "src/reward/built-in.ts",
    list: /const all: readonly SelfReward\[\] = \[[^]*?(?=,?\s*\];)/,
    text: `import type { SelfReward } from "./self-reward.js";

/** The shortest response: a reward of the tests. */
export const brevity: SelfReward = {
  name: "brevity",
  description: "the fewer tokens, the better",
  needs: [],
  score: ({ responses }) => Promise.resolve(responses.map(({ logProbs }) => -logProbs.length)),
};
`,
  },
  {
    file: "src/sharpen/methods/second.ts",
    name: "second",
    registry: "src/sharpen/methods/registry.ts",
    list: /const all: readonly Method\[\] = \[[^]*?(?=,?\s*\];)/,
    text: `import { checkFit } from "../fit-adapter.js";
import { sftProblem } from "../sft.js";
import { BASE_DRAWS, baseResponses } from "./base-responses.js";
import type { Method } from "./method.js";
import { sft } from "./sft.js";

/** SFT on the base's second response, whatever the reward: a method of the tests. */
export const second: Method = {
  ...sft,
  name: "second",
  title: "Second",
  brief: "the second response",
  summary: "train the second response into an adapter",
  trainN: { default: 2, least: 2 },
  draws: [BASE_DRAWS],
  plan: async (context) => {
    const { train, validation } = context.split;
    const drawn = await baseResponses(context, [...train, ...validation], 2, "drawing two");
    const example = (prompt: (typeof train)[number]) => ({ prompt, tokens: drawn.get(prompt.id)![1]!.tokens });
    const { epochs } = checkFit(context.settings.fit);
    const problem = sftProblem(train.map(example), validation.map(example), epochs);
    return { fitTo: (fit) => fit(problem), iterates: epochs, facts: { modelCalls: 2 * train.length } };
  },
};
`,
  },
  {
    file: "src/transformer/families/alpaca.ts",
    name: "alpaca",
    registry: "src/transformer/families/registry.ts",
    list: /const families: readonly Family\[\] = \[[^]*?(?=,?\s*\];)/,
    text: `import type { Family } from "./family.js";
import { llama } from "./llama.js";

/** Llama under another name: a family of the tests. */
export const alpaca: Family = { ...llama, modelType: "alpaca", architecture: "AlpacaForCausalLM" };
`,
  },
  {
    file: "src/policy/remote/dialects/polite.ts",
    name: "polite",
    registry: "src/policy/remote/dialects/index.ts",
    list: /export const DIALECTS: readonly \[Dialect, \.\.\.Dialect\[\]\] = \[[^]*?(?=,?\s*\];)/,
    text: `import { completions } from "./completions.js";
import type { Dialect } from "./dialect.js";

/** Completions to those who say please: a protocol of the tests. */
export const polite: Dialect = {
  ...completions,
  name: "polite",
  path: "/please",
  body: (...asked) => ({ ...completions.body(...asked), please: true }),
};
`,
  },
];

let copy: string;
let cli: CommandLine;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "whetstone-copy-"));
  cpSync(join(ROOT, "src"), join(copy, "src"), { recursive: true, filter: (path) => !isTest(path) });
  for (const file of ["package.json", "tsconfig.json", "tsconfig.build.json"])
    cpSync(join(ROOT, file), join(copy, file));
  for (const folder of ["models", "data", "node_modules"])
    symlinkSync(join(ROOT, folder), join(copy, folder));
  for (const { file, name, registry, list, text } of PARTS) {
    writeFileSync(join(copy, file), text);
    const path = join(copy, registry);
    const before = readFileSync(path, "utf8");
    expect(before).toMatch(list);
    const from = file.slice(file.lastIndexOf("/") + 1).replace(/\.ts$/, ".js");
    const entered = before.replace(list, (entries) => `${entries}, ${name}`);
    writeFileSync(path, `import { ${name} } from "./${from}";\n${entered}`);
  }
  execFileSync(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json", "--noEmit"],
    {
      cwd: copy,
      stdio: "pipe",
    },
  );
  // Not in the copy itself: its modules are the package's, laid out as it is installed.
  cli = commandLine(compileSource(copy, join(copy, "package")));
}, 300_000);
afterAll(() => {
  cli.remove();
  rmSync(copy, { recursive: true, force: true });
});

test("the reward chooses, and the method trains, is measured and stands in the record", async () => {
  const command = [
    "sharpen",
    "game24",
    "--prompts",
    "4",
    "--n",
    "4",
    "--reward",
    "brevity",
    "--methods",
    "second",
  ];
  const small = [
    "--train-prompts",
    "6",
    "--epochs",
    "1",
    "--rank",
    "2",
    "--curve-samples",
    "0",
    "--run",
    "own",
  ];
  const result = await cli.json([...command, "--amortize", "brevity", ...small]);
  const metrics = JSON.parse(readFileSync(join(cli.folder, "own", "metrics.json"), "utf8")) as {
    bestOfN: Record<string, Record<string, { length: { value: number } }>>;
    base: { length: { value: number } };
    adapters: Record<string, { modelCalls: number }>;
  };
  expect(metrics.bestOfN["brevity"]!["4"]!.length.value).toBeLessThanOrEqual(metrics.base.length.value);
  expect(metrics.adapters["second"]).toMatchObject({ modelCalls: 12 });
  expect(JSON.stringify(result)).toContain("second");
  const page = readFileSync(join(cli.folder, "own", "report.html"), "utf8");
  expect(page).toContain("brevity");
  expect(page).toContain("Second");
  const { status, stdout } = await cli.run(["train", "second", "--help"]);
  expect([status, stdout]).toEqual([0, expect.stringContaining("train the second response into an adapter")]);
}, 300_000);

test("a folder of the family is read as Llama's is, to the token", async () => {
  const folder = join(cli.folder, "alpaca");
  cpSync(join(ROOT, "models", "game24"), folder, { recursive: true });
  const path = join(folder, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(
    path,
    JSON.stringify({ ...config, model_type: "alpaca", architectures: ["AlpacaForCausalLM"] }),
  );
  const ask = ["answer", "4 9 10 13 = 24 :", "--n", "4", "--task", "game24"];
  const own = await cli.json([...ask, "--model", folder]);
  const usual = await cli.json([...ask, "--model", "game24"]);
  expect(own["text"]).toBe(usual["text"]);
  expect(own["logLikelihood"]).toBeCloseTo(usual["logLikelihood"] as number, 5);
});

test("the protocol draws from a server that speaks it, and from no other", async () => {
  const { url: behind } = await serve({});
  const gate: Server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString();
      if (request.method === "POST" && !(JSON.parse(body) as { please?: boolean }).please)
        return void response.writeHead(400).end(JSON.stringify({ error: { message: "say please" } }));
      const url = new URL(behind);
      const path = (request.url ?? "")
        .replace(/\/please$/, "/completions")
        .replace(/^\/v1/, url.pathname.replace(/\/$/, ""));
      const answer = await fetch(new URL(path, url), {
        method: request.method ?? "GET",
        headers: { "content-type": "application/json" },
        ...(request.method === "POST" && { body }),
      });
      response.writeHead(answer.status, {
        "content-type": answer.headers.get("content-type") ?? "application/json",
      });
      response.end(Buffer.from(await answer.arrayBuffer()));
    })();
  });
  await new Promise<void>((resolve) => gate.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/v1`;
    const ask = ["answer", "Say a colour:", "--n", "4", "--max-tokens", "6", "--model", "openai:tiny"];
    const polite = await cli.json([...ask, "--base-url", url, "--api", "polite"]);
    const usual = await cli.json([...ask, "--base-url", behind, "--api", "completions"]);
    expect(polite["text"]).toBe(usual["text"]);
    expect(polite["logLikelihood"]).toBe(usual["logLikelihood"]);
    const rude = await cli.run([...ask, "--base-url", url, "--api", "completions"]);
    expect(rude.status).not.toBe(0);
  } finally {
    gate.closeAllConnections();
    gate.close();
  }
}, 60_000);
