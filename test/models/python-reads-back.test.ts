import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { loadConfig, toHuggingFaceConfig } from "../../src/transformer/families/config.js";
import { loadAdapter, saveAdapter } from "../../src/transformer/format/peft.js";
import { writeSafetensors, type FloatTensor } from "../../src/transformer/format/safetensors.js";
import { loadTokenizer } from "../../src/transformer/text/tokenizer.js";
import { openWeights } from "../../src/transformer/format/weights.js";

const repository = join(import.meta.dirname, "..", "..");
const testdata = join(repository, "src", "transformer", "testdata");
const python = process.env["WHETSTONE_PYTHON"];

interface Answer {
  readonly missing: string[];
  readonly unexpected: string[];
  readonly architecture: string;
  readonly ropeTheta: number;
  readonly logits: number[][][];
  readonly adaptedLogits: number[][][];
  readonly ids: number[][];
  readonly special: number[];
}
interface Golden {
  readonly rows: readonly { tokens: number[]; logits: number[][] }[];
}

/** Writes a model and an adapter with our own writers, from what our own readers read. */
async function writeModel(folder: string): Promise<void> {
  const config = await loadConfig(join(testdata, "tiny-gqa"));
  await writeFile(join(folder, "config.json"), JSON.stringify(toHuggingFaceConfig(config)));
  const source = await openWeights(join(testdata, "tiny-gqa"));
  const tensors = new Map<string, FloatTensor>();
  for (const name of source.names()) tensors.set(name, await source.read(name));
  await source.close();
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  await saveAdapter(join(folder, "adapter"), await loadAdapter(join(testdata, "tiny-gqa-lora")), "tiny-gqa");
}

test.skipIf(python === undefined)(
  "transformers and peft load what we write, with the same logits and ids",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "whetstone-read-back-"));
    try {
      await writeModel(folder);
      const game24 = join(repository, "models", "game24");
      const model = JSON.parse(await readFile(join(testdata, "tiny-gqa", "golden.json"), "utf8")) as Golden;
      const adapted = JSON.parse(
        await readFile(join(testdata, "tiny-gqa-lora", "golden.json"), "utf8"),
      ) as Golden;
      const word = fc.oneof(
        fc.constantFrom(..."+-*/=,:"),
        fc.nat(220).map(String),
        fc.string({ maxLength: 4 }),
      );
      const texts = fc.sample(
        fc.array(word).map((words) => words.join(" ")),
        { seed: 1, numRuns: 300 },
      );
      const script = join(import.meta.dirname, "read_back.py");
      const rows = model.rows.map(({ tokens }) => tokens);
      const child = spawnSync(python!, [script, folder, join(folder, "adapter"), game24], {
        input: JSON.stringify({ rows, texts }),
        encoding: "utf8",
        maxBuffer: 1 << 28,
        env: { ...process.env, HF_HUB_OFFLINE: "1" },
      });
      expect(child.status, child.stderr).toBe(0);
      const answer = JSON.parse(child.stdout) as Answer;
      expect(answer).toMatchObject({
        missing: [],
        unexpected: [],
        architecture: "LlamaForCausalLM",
        ropeTheta: 10000,
      });
      expectClose(answer.logits, model);
      expectClose(answer.adaptedLogits, adapted);
      const tokenizer = await loadTokenizer(game24);
      expect(texts.map((text) => tokenizer.encode(text, { addSpecialTokens: true }))).toEqual(answer.ids);
      expect(answer.special).toEqual(
        ["<pad>", "<s>", "</s>", "<unk>"].map((text) => tokenizer.tokenId(text)),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

function expectClose(actual: readonly number[][][], golden: Golden): void {
  const expected = golden.rows.flatMap(({ logits }) => logits.flat());
  const values = actual.flat(2);
  expect(values).toHaveLength(expected.length);
  const worst = values.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0);
  expect(worst).toBeLessThan(1e-4);
}
