import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalPolicy } from "../../src/policy/local-policy.js";
import { modelFolder } from "../../src/policy/model-folder.js";
import { rewardNamed } from "../../src/reward/registry.js";
import { startServer, type RunningServer } from "../../src/serve/server.js";
import { answer } from "../../src/sharpen/answer.js";
import { childServer, type ChildServer } from "../support/child-server.js";
import { freePort } from "../support/free-port.js";

/** Where the clients are, or undefined with a notice where they cannot be had. */
function environments(): { readonly node: string; readonly python: string } | undefined {
  const script = join(import.meta.dirname, "../../scripts/clients-env.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
  if (status === 0) return JSON.parse(stdout.trim().split("\n").at(-1)!) as { node: string; python: string };
  console.warn(`Notice: the tests of serve's clients are skipped. ${stderr.trim()}`);
  return undefined;
}

const found = environments();
const SEED = 3;
const TEXT = "4 9 10 13 = 24 :";
const DOCUMENT = readFileSync(join(import.meta.dirname, "../../docs/serve.md"), "utf8");
let policy: LocalPolicy;
let server: RunningServer;
/** Within each environment: what runs there finds its packages. */
let [nodeFolder, pythonFolder] = ["", ""];
beforeAll(async () => {
  if (!found) return;
  policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
  let ids = 0;
  server = await startServer(
    {
      model: { id: "game24", policy, takes: "text" },
      defaults: { bestOf: 1, reward: rewardNamed("length-normalized") },
      // Clients that send no seed get the answers of this one.
      surroundings: { now: () => Date.now(), freshSeed: () => SEED, freshId: () => `${ids++}` },
    },
    { port: 0 },
  );
  nodeFolder = mkdtempSync(join(found.node, "run-"));
  pythonFolder = mkdtempSync(join(found.node, "py-"));
  copyFileSync(join(import.meta.dirname, "clients/clients.mjs.txt"), join(nodeFolder, "clients.mjs"));
});
afterAll(async () => {
  if (!found) return;
  await server.close();
  await policy.dispose();
  rmSync(nodeFolder, { recursive: true });
  rmSync(pythonFolder, { recursive: true });
});

/** LiteLLM would ask the net for prices, for a minute where there is none. */
const OFFLINE = { LITELLM_LOCAL_MODEL_COST_MAP: "True" };

/** Runs a program to its end. @returns what it printed. */
function output(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: pythonFolder,
      env: { ...process.env, ...OFFLINE, ...env },
      // llm waits for the end of its stdin.
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, errors] = ["", ""];
    child.stdout.on("data", (data: Buffer) => (out += data.toString()));
    child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${program}: ${errors}${out}`)),
    );
  });
}

interface Case {
  readonly stream: boolean;
  readonly fields: Readonly<Record<string, unknown>>;
}
interface Came {
  readonly text?: string;
  readonly tokens?: number | null;
  readonly error?: string;
}

/** 24 of them: streamed or not, with one candidate or four, and six sets of fields. */
const FIELDS = [
  {},
  { temperature: 0.7 },
  { max_tokens: 6 },
  { stop: ["="] },
  { top_p: 0.5 },
  { logprobs: true },
] as const;
const CASES: readonly Case[] = [false, true].flatMap((stream) =>
  [{}, { best_of: 4, whetstone: { reward: "majority" } }].flatMap((best) =>
    FIELDS.map((fields) => ({ stream, fields: { ...fields, ...best } })),
  ),
);

/** What the server answers without a client. */
async function expected({ fields }: Case): Promise<Came> {
  const messages = [{ role: "user", content: TEXT }];
  const reply = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "game24", messages, ...fields }),
  });
  const { choices, usage } = (await reply.json()) as {
    choices: [{ message: { content: string } }];
    usage: { completion_tokens: number };
  };
  return { text: choices[0].message.content, tokens: usage.completion_tokens };
}

/** Fields that /v1/responses has not, and that its clients leave out with a warning. */
const withoutChatFields = ({ stream, fields: { stop: _, logprobs: __, ...fields } }: Case): Case => ({
  stream,
  fields,
});

async function check(name: string, program: string, script: string, url = server.url): Promise<void> {
  const results = JSON.parse(
    (await output(program, [script, `${url}/v1`, name, JSON.stringify(CASES)])).trim().split("\n").at(-1)!,
  ) as Came[];
  expect(results).toHaveLength(24);
  for (const [at, asked] of CASES.entries()) {
    const wanted = await expected(name === "AI SDK, openai" ? withoutChatFields(asked) : asked);
    const { tokens, ...came } = results[at]!;
    expect([name, asked, came]).toEqual([name, asked, { text: wanted.text }]);
    // Where a stream's usage was not asked for, there is none.
    if (tokens != null && tokens !== 0) expect([name, asked, tokens]).toEqual([name, asked, wanted.tokens]);
    if (!asked.stream) expect(tokens).toBe(wanted.tokens);
  }
}

describe.skipIf(!found)("each of 24 variants is answered as without a client, by", () => {
  it.each([
    "openai-node",
    "openai-node .stream()",
    "AI SDK, openai-compatible",
    "AI SDK, openai",
    "AI SDK, openai.chat",
    "LangChain JS",
  ])("%s", (name) => check(name, process.execPath, join(nodeFolder, "clients.mjs")));

  it.each(["openai-python", "openai-python .stream()", "LiteLLM", "langchain-openai", "llm"])("%s", (name) =>
    check(name, found!.python, join(import.meta.dirname, "clients/clients.py")),
  );
});

/** Starts LiteLLM as a proxy in front of the server. */
async function startProxy(litellm: string): Promise<ChildServer & { readonly url: string }> {
  const config = join(pythonFolder, "proxy.yaml");
  const params = { model: "openai/game24", api_base: `${server.url}/v1`, api_key: "none" };
  // YAML reads JSON.
  writeFileSync(config, JSON.stringify({ model_list: [{ model_name: "game24", litellm_params: params }] }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const proxy = await childServer({
    what: "LiteLLM's proxy",
    command: litellm,
    args: ["--config", config, "--host", "127.0.0.1", "--port", String(port), "--telemetry", "False"],
    ready: async () => (await fetch(`${url}/health/liveliness`).catch(() => undefined))?.ok === true,
    patienceMs: 180_000,
    env: { ...OFFLINE, LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: "true" },
  });
  return { ...proxy, url };
}

it.skipIf(!found)("each of 24 variants passes through LiteLLM's proxy", async () => {
  const proxy = await startProxy(join(dirname(found!.python), "litellm"));
  try {
    const script = join(import.meta.dirname, "clients/clients.py");
    await check("openai-python", found!.python, script, proxy.url);
  } finally {
    await proxy.kill();
  }
});

/** The snippets of the document in one language, with this server's address. */
const snippets = (language: string): string[] =>
  [...DOCUMENT.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, code]) =>
    code!.replaceAll("http://127.0.0.1:8321", server.url),
  );

describe.skipIf(!found)(
  "docs/serve.md's snippets run as they stand, and print the choice of `answer`:",
  () => {
    const choice = async (): Promise<string> => {
      const options = { n: 16, seed: SEED, reward: rewardNamed("self-certainty") };
      return (await answer(policy, TEXT, options)).chosen.text;
    };

    it("JavaScript", async () => {
      // Those that the package's own tests run have a seed.
      const codes = snippets("js").filter((code) => !code.includes("seed: 1"));
      expect(codes).toHaveLength(4);
      for (const [at, code] of codes.entries()) {
        const file = join(nodeFolder, `snippet-${at}.mjs`);
        writeFileSync(file, code);
        expect([code, (await output(process.execPath, [file])).trimEnd()]).toEqual([code, await choice()]);
      }
    });

    it("Python", async () => {
      const codes = snippets("python");
      expect(codes).toHaveLength(3);
      for (const code of codes)
        expect([code, (await output(found!.python, ["-c", code])).trimEnd()]).toEqual([code, await choice()]);
    });

    it("llm", async () => {
      const [file] = snippets("yaml");
      writeFileSync(join(pythonFolder, "extra-openai-models.yaml"), file!);
      const [command] = [...DOCUMENT.matchAll(/^llm -m .*$/gm)].map(([line]) => line);
      const env = { LLM_USER_PATH: pythonFolder, PATH: `${dirname(found!.python)}:${process.env["PATH"]}` };
      expect((await output("sh", ["-c", command!], env)).trimEnd()).toBe(await choice());
    });
  },
);
