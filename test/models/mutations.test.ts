/**
 * Damaged copies of good files, thousands for each parser: every one is read, or refused in one sentence of ours that names
 * the file; within a second, and in memory that does not grow with their number. The same copies every time.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { WhetstoneError } from "../../src/core/errors.js";
import { randomStream } from "../../src/core/random.js";
import { jsonlTask } from "../../src/task/jsonl.js";
import { readParquetRows } from "../../src/task/parquet.js";
import { loadConfig, tensorShapes } from "../../src/transformer/families/config.js";
import { readGgufHeader } from "../../src/transformer/format/gguf/header.js";
import { loadAdapter } from "../../src/transformer/format/peft.js";
import { openSafetensors } from "../../src/transformer/format/safetensors.js";
import { TemplateProcess } from "../../src/transformer/text/template-process.js";
import { loadTokenizer } from "../../src/transformer/text/tokenizer.js";
import { mutate } from "./mutate.js";

/** `WHETSTONE_CRASH=full`: 20,000; else the first of them. */
const COPIES = process.env["WHETSTONE_CRASH"] === "full" ? 20_000 : 4_000;
const MEGABYTE = 1 << 20;
const src = join(import.meta.dirname, "../../src");
const testdata = join(src, "transformer/testdata");
const root = mkdtempSync(join(tmpdir(), "whetstone-mutations-"));
// The tokenizers' library warns of thousands of these copies.
beforeAll(() => void vi.spyOn(console, "warn").mockReturnValue());
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

/** A model's folder of which one file is damaged. */
function folder(name: string, source: string): string {
  const own = join(root, name);
  cpSync(join(testdata, source), own, { recursive: true });
  return own;
}

interface Parser {
  readonly name: string;
  readonly source: Buffer;
  /** The bytes from the start that are worth changing: a header's. */
  readonly reach?: number;
  /** Where the copy is written. */
  readonly path: string;
  /** What a refusal names, where it may be another file of the same folder that does not fit. */
  readonly named?: string;
  readonly open: () => Promise<unknown>;
  readonly copies?: number;
}

// Small, so that most changes hit something, with a step of every kind that holds a text or a number.
const step = (to: string): object => ({ type: "Replace", pattern: { String: " " }, content: to });
const tokenizerJson = JSON.stringify({
  version: "1.0",
  added_tokens: [
    {
      id: 5,
      content: "<s>",
      single_word: false,
      lstrip: false,
      rstrip: true,
      normalized: false,
      special: true,
    },
  ],
  normalizer: {
    type: "Sequence",
    normalizers: [{ type: "Prepend", prepend: "_" }, step("_"), { type: "NFC" }],
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Digits", individual_digits: true },
      { type: "FixedLength", length: 3 },
    ],
  },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<s>": { id: "<s>", ids: [5], tokens: ["<s>"] } },
  },
  decoder: {
    type: "Sequence",
    decoders: [
      step("_"),
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "?",
    byte_fallback: true,
    vocab: { "?": 0, _: 1, a: 2, b: 3, ab: 4 },
    merges: [["a", "b"]],
  },
});
const jsonl =
  '\ufeff{"prompt": "2 + 2 =", "answer": 4, "id": "a"}\r\n{"prompt": "caf\u00e9 \\ud83d\\ude00", "answer": "#### 18"}\n\n' +
  '{"prompt": "x", "id": 7, "split": "train", "more": {"a": [1, 2.5e3, null, true]}}';

const model = folder("config", "tiny-gqa");
const tokenizer = folder("tokenizer", "tiny-bpe");
const adapter = folder("adapter", "tiny-gqa-lora");
const safetensors = readFileSync(join(testdata, "safetensors/float32.safetensors"));
const file = (name: string): string => join(root, name);

const parsers: readonly Parser[] = [
  {
    name: "safetensors",
    source: safetensors,
    reach: 8 + Number(safetensors.readBigUInt64LE()),
    path: file("a.safetensors"),
    open: async () => {
      const opened = await openSafetensors(file("a.safetensors"));
      try {
        for (const name of opened.tensors.keys()) await opened.read(name);
      } finally {
        await opened.close();
      }
    },
  },
  {
    name: "GGUF",
    source: readFileSync(join(testdata, "gguf/formats.gguf")),
    reach: 1024,
    path: file("a.gguf"),
    open: () => readGgufHeader(file("a.gguf")),
  },
  {
    name: "config.json",
    source: readFileSync(join(model, "config.json")),
    path: join(model, "config.json"),
    open: async () => tensorShapes(await loadConfig(model)),
  },
  {
    name: "tokenizer.json",
    source: Buffer.from(tokenizerJson),
    path: join(tokenizer, "tokenizer.json"),
    open: async () => {
      const loaded = await loadTokenizer(tokenizer);
      loaded.decode(loaded.encode("ab a 12 \u00e9", { addSpecialTokens: true }));
    },
  },
  {
    name: "adapter_config.json",
    source: readFileSync(join(adapter, "adapter_config.json")),
    path: join(adapter, "adapter_config.json"),
    named: adapter,
    open: () => loadAdapter(adapter),
  },
  {
    name: "JSONL",
    source: Buffer.from(jsonl),
    path: file("a.jsonl"),
    open: () => jsonlTask(file("a.jsonl"), { grader: "exact" }),
  },
  {
    // Each in a process of its own, which takes most of a tenth of a second.
    name: "Parquet",
    source: readFileSync(join(src, "task/testdata/gsm8k.parquet")),
    path: file("a.parquet"),
    copies: 100,
    open: async () => {
      for await (const row of readParquetRows(file("a.parquet"), ["question", "answer"]))
        expect(row).toBeDefined();
    },
  },
];

it.each(parsers)("$name", async ({ name, source, reach, path, named = path, open, copies = COPIES }) => {
  const draws = randomStream(20_000, name);
  writeFileSync(path, source);
  await open();
  let accepted = 0;
  let slowest = 0;
  let middle = 0;
  for (let i = 0; i < copies; i++) {
    writeFileSync(path, mutate(source, draws, reach));
    const started = performance.now();
    try {
      await open();
      accepted++;
    } catch (error) {
      if (!(error instanceof WhetstoneError)) {
        const text = readFileSync(path).toString("latin1").slice(0, 2000);
        throw new Error(`copy ${i} of ${name} throws what is not ours: ${text}`, { cause: error });
      }
      if (!error.message.includes(named) || error.message.includes("\n"))
        expect.fail(`copy ${i}: ${error.message}`);
    }
    slowest = Math.max(slowest, performance.now() - started);
    if (i === Math.floor(copies / 2)) middle = process.memoryUsage.rss();
  }
  expect(slowest).toBeLessThan(1000 * (copies < COPIES ? 5 : 1));
  // Some changes are harmless, but not most.
  expect(accepted).toBeGreaterThan(0);
  expect(accepted).toBeLessThan(copies * 0.8);
  expect(process.memoryUsage.rss() - middle).toBeLessThan(64 * MEGABYTE);
});

it("chat templates", async () => {
  const renderer = new TemplateProcess();
  const sources = ["qwen3", "llama3", "gemma3"].map((name) =>
    readFileSync(join(testdata, "chat-templates", `${name}.jinja`)),
  );
  const values = {
    messages: [
      { role: "system", content: "s" },
      { role: "user", content: "hi" },
    ],
    add_generation_prompt: true,
    bos_token: "<s>",
    eos_token: "</s>",
  };
  const draws = randomStream(20_000, "templates");
  const seen = new Map<string, number>();
  let slowest = 0;
  for (let i = 0; i < COPIES; i++) {
    const template = mutate(sources[i % sources.length]!, draws).toString("utf8");
    const started = performance.now();
    const { kind } = await renderer.request({ template, values, maxLength: MEGABYTE });
    slowest = Math.max(slowest, performance.now() - started);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  expect(seen.get("text")).toBeGreaterThan(100);
  expect(seen.get("malformed")).toBeGreaterThan(100);
  expect(slowest).toBeLessThan(3000);
});
