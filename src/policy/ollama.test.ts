import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { LocalPolicy } from "./local-policy.js";
import { modelFolder, modelName } from "./model-folder.js";
import { ollamaModels } from "./ollama.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-ollama-"));
const GGUF = join(import.meta.dirname, "../transformer/testdata/gguf/tiny-gqa.gguf");
const digest = "ab".repeat(32);

beforeAll(() => {
  const manifests = join(dir, "manifests", "registry.ollama.ai");
  const put = (place: string, mediaType: string, hex: string): void => {
    mkdirSync(join(manifests, place, ".."), { recursive: true });
    const layers = [
      { mediaType: "application/vnd.ollama.image.license", digest: `sha256:${"cd".repeat(32)}` },
      { mediaType, digest: `sha256:${hex}` },
    ];
    writeFileSync(join(manifests, place), JSON.stringify({ schemaVersion: 2, layers }));
  };
  const model = "application/vnd.ollama.image.model";
  put("library/tiny/latest", model, digest);
  put("library/tiny/1b", model, digest);
  put("someone/other/q8", model, digest);
  put("library/gone/latest", model, "ef".repeat(32));
  put("library/odd/latest", model, "../../../etc/passwd");
  writeFileSync(join(manifests, "library", "tiny", "broken"), "{");
  mkdirSync(join(dir, "blobs"));
  cpSync(GGUF, join(dir, "blobs", `sha256-${digest}`));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

it("finds the models whose file is there, by the names that Ollama shows", () => {
  const path = join(dir, "blobs", `sha256-${digest}`);
  expect(ollamaModels({ OLLAMA_MODELS: dir })).toEqual([
    { name: "ollama:tiny:1b", path },
    { name: "ollama:tiny", path },
    { name: "ollama:someone/other:q8", path },
  ]);
  expect(ollamaModels({ OLLAMA_MODELS: join(dir, "nowhere") })).toEqual([]);
});

it("loads one by its name, and calls it that", async () => {
  vi.stubEnv("OLLAMA_MODELS", dir);
  expect(modelName("ollama:tiny")).toBe("ollama:tiny");
  expect(modelFolder("ollama:tiny:latest")).toBe(modelFolder("ollama:tiny:1b"));
  const [ours, theirs] = await Promise.all(
    [modelFolder("ollama:tiny"), GGUF].map((path) => LocalPolicy.load(path, { threads: 1 })),
  );
  expect(ours!.digest).toBe(theirs!.digest);
  await ours!.dispose();
  await theirs!.dispose();
  expect(() => modelFolder("ollama:none")).toThrow(
    'There is no model "ollama:none": Ollama\'s folder has ollama:tiny:1b, ollama:tiny, ollama:someone/other:q8.',
  );
});
