import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cachedHubModel, cachedHubModels, fetchHubModel, parseHubModel } from "./hub.js";
import { fetchModel, modelFolder, modelName } from "./model-folder.js";

/** A hub of one repository, as far as a download asks it. */
interface Hub {
  readonly server: Server;
  readonly requests: { readonly url: string; readonly authorization: string | undefined }[];
}

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const FILES: Readonly<Record<string, string>> = {
  "config.json": '{"model_type":"llama"}',
  "tokenizer.json": '{"model":{}}',
  "model.safetensors": "weights",
  "pytorch_model.bin": "a pickle",
  "README.md": "a card",
  "tiny.gguf": "GGUF",
};
/** What the hub sends in place of a file's content. */
let sent: Record<string, string>;
let hub: Hub;
let cache: string;
let before: NodeJS.ProcessEnv;

const sha = (kind: string, text: string): string => createHash(kind).update(text).digest("hex");
const isLarge = (path: string): boolean => /safetensors$|gguf$/.test(path);
const entryOf = (path: string): object => {
  const text = FILES[path]!;
  const size = text.length;
  const common = { type: "file", path, size, oid: sha("sha1", `blob ${size}\0${text}`) };
  return isLarge(path) ? { ...common, lfs: { oid: sha("sha256", text), size, pointerSize: 130 } } : common;
};

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "", "http://hub");
  hub.requests.push({ url: url.pathname, authorization: request.headers.authorization });
  const json = (value: unknown): void => {
    response.setHeader("content-type", "application/json").end(JSON.stringify(value));
  };
  const file = /^\/org\/tiny\/resolve\/[^/]+\/(.+)$/.exec(url.pathname)?.[1];
  if (/^\/api\/models\/org\/tiny\/revision\/(main|v1)$/.test(url.pathname)) {
    json({ _id: "1", id: "org/tiny", sha: COMMIT });
  } else if (url.pathname === `/api/models/org/tiny/tree/${COMMIT}`) json(Object.keys(FILES).map(entryOf));
  else if (url.pathname === `/api/models/org/tiny/paths-info/${COMMIT}`) {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => json((JSON.parse(body) as { paths: string[] }).paths.map(entryOf)));
  } else if (file !== undefined && file in FILES) {
    const content = Buffer.from(sent[file] ?? FILES[file]!);
    response.setHeader("etag", `"${sha("sha1", file)}"`);
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
    if (range === null) response.end(content);
    else {
      const end = range[2] === "" ? content.length - 1 : Math.min(Number(range[2]), content.length - 1);
      response.writeHead(206, { "content-range": `bytes ${range[1]}-${end}/${content.length}` });
      response.end(content.subarray(Number(range[1]), end + 1));
    }
  } else if (url.pathname.startsWith("/api/models/org/closed")) response.writeHead(403).end();
  else response.writeHead(404).end();
}

beforeEach(async () => {
  before = { ...process.env };
  sent = {};
  cache = mkdtempSync(join(tmpdir(), "whetstone-hub-"));
  const server = createServer(answer);
  hub = { server, requests: [] };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  process.env["HF_ENDPOINT"] = `http://127.0.0.1:${port}`;
  process.env["HF_HUB_CACHE"] = cache;
  process.env["HF_TOKEN"] = "hf_secret";
});
afterEach(async () => {
  process.env = before;
  hub.server.closeAllConnections();
  await new Promise((resolve) => hub.server.close(resolve));
  rmSync(cache, { recursive: true });
});

it("knows an id of the hub, with a file and a revision, from a path", () => {
  expect(parseHubModel("org/name")).toEqual({ repository: "org/name", revision: "main" });
  expect(parseHubModel("org/n-1.5@v1")).toEqual({ repository: "org/n-1.5", revision: "v1" });
  expect(parseHubModel("org/name/a.Q4_1.gguf@main")).toEqual({
    repository: "org/name",
    revision: "main",
    file: "a.Q4_1.gguf",
  });
  for (const path of [
    "name",
    "./org/name",
    "/org/name",
    "../x/y",
    "org/..",
    "a/b/c",
    "a/b@../c",
    "a/b\0",
    "C:/x",
  ])
    expect(parseHubModel(path), path).toBeUndefined();
});

it("fetches what a model is read from, and nothing else, into the layout of Python's cache", async () => {
  const told: string[] = [];
  const path = await fetchModel("org/tiny", { onFile: (file, bytes) => told.push(`${file} ${bytes}`) });
  expect(path).toBe(join(cache, "models--org--tiny", "snapshots", COMMIT));
  expect(told).toEqual(["config.json 22", "tokenizer.json 12", "model.safetensors 7"]);
  expect(readFileSync(join(path, "model.safetensors"), "utf8")).toBe("weights");
  expect(lstatSync(join(path, "config.json")).isSymbolicLink()).toBe(true);
  const blob = sha("sha256", "weights");
  expect(readFileSync(join(cache, "models--org--tiny", "blobs", blob), "utf8")).toBe("weights");
  expect(readFileSync(join(cache, "models--org--tiny", "refs", "main"), "utf8")).toBe(COMMIT);
  expect(existsSync(join(path, "pytorch_model.bin"))).toBe(false);
  expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(
    new Set(["Bearer hf_secret"]),
  );
  expect(modelName("org/tiny")).toBe("org/tiny");
  expect(cachedHubModels()).toEqual([{ name: "org/tiny", commit: COMMIT, path }]);
});

it("asks the hub nothing for what is cached, by revision, by commit and by file", async () => {
  expect(() => modelFolder("org/tiny@v1")).toThrow(/whetstone models pull org\/tiny@v1/);
  const path = await fetchModel("org/tiny@v1");
  const file = await fetchModel("org/tiny/tiny.gguf");
  expect(readFileSync(file, "utf8")).toBe("GGUF");
  const asked = hub.requests.length;
  process.env["HF_HUB_OFFLINE"] = "1";
  expect(await fetchModel("org/tiny@v1")).toBe(path);
  expect(await fetchModel(`org/tiny@${COMMIT}`)).toBe(path);
  expect(modelFolder("org/tiny/tiny.gguf")).toBe(file);
  expect(hub.requests).toHaveLength(asked);
  await expect(fetchModel("org/other")).rejects.toThrow(/org\/other is not in the cache, and HF_HUB_OFFLINE/);
});

it("removes what does not come as the hub has it, and fetches it again", async () => {
  sent["model.safetensors"] = "weightz";
  await expect(fetchModel("org/tiny")).rejects.toThrow(/model.safetensors did not come as the hub has it/);
  expect(cachedHubModel({ repository: "org/tiny", revision: "main" })).toBeUndefined();
  sent = {};
  const path = await fetchModel("org/tiny");
  expect(readFileSync(join(path, "model.safetensors"), "utf8")).toBe("weights");
});

it("does not take a snapshot that lacks a shard for a model", async () => {
  const path = await fetchModel("org/tiny");
  rmSync(join(path, "model.safetensors"));
  const shards = {
    weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
  };
  writeFileSync(join(path, "model.safetensors.index.json"), JSON.stringify(shards));
  writeFileSync(join(path, "model-00001-of-00002.safetensors"), "");
  expect(cachedHubModel({ repository: "org/tiny", revision: "main" })).toBeUndefined();
  writeFileSync(join(path, "model-00002-of-00002.safetensors"), "");
  expect(cachedHubModel({ repository: "org/tiny", revision: "main" })).toBe(path);
});

it("says in one sentence why a model cannot be had, and never the token", async () => {
  const failures: readonly (readonly [string, RegExp])[] = [
    ["org/nothing", /The hub has no model org\/nothing; check its name and revision\./],
    ["org/tiny@v9", /no model org\/tiny@v9/],
    ["org/closed", /no access to org\/closed: .* set HF_TOKEN/],
    ["org/tiny/other.gguf", /name one of its files: org\/tiny\/tiny\.gguf/],
  ];
  for (const [name, message] of failures) {
    const error = await fetchModel(name).catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("hf_secret");
  }
  process.env["HF_ENDPOINT"] = "http://127.0.0.1:9";
  await expect(fetchHubModel({ repository: "org/tiny", revision: "main" })).rejects.toThrow(
    /org\/tiny cannot be fetched from the hub: /,
  );
  await expect(fetchModel("nothing")).rejects.toThrow(/There is no model "nothing": use game24 \(embedded\)/);
  const text = join(cache, "notes.txt");
  writeFileSync(text, "");
  await expect(fetchModel(text)).rejects.toThrow(/notes.txt is no model: a file has to end in .gguf/);
});
