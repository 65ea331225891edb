/** Each architecture of GGUF files against llama.cpp: scripts/golden/gguf_families.py made the tiny files and their logits. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadModel } from "../../model.js";
import { logSoftmax } from "../../decoder/plain-decoder.test-helper.js";
import { Runtime } from "../../runtime.js";
import { largestDifference, testdata } from "../../tiny-models.test-helper.js";
import { architectures } from "./names.js";

interface Golden {
  readonly rows: readonly (readonly number[])[];
  /** By row, then by position. */
  readonly logits: readonly (readonly (readonly number[])[])[];
}

const folder = join(testdata, "gguf");
const golden = JSON.parse(await readFile(join(folder, "families.json"), "utf8")) as Record<string, Golden>;

test("every architecture that is read has a file", () => {
  // Llama's is tiny-gqa.gguf, in gguf.test.ts.
  expect(["llama", ...Object.keys(golden)].sort()).toEqual(Object.keys(architectures).sort());
});

/** llama.cpp looks Gemma's GELU up in a table of half-precision values, in each of six layers. */
const TABLE = 5e-3;

describe.each(Object.entries(golden))("%s", (architecture, { rows, logits }) => {
  const tolerance = architecture === "gemma3" ? TABLE : 1e-4;
  test("gives each next token the log-probability that llama.cpp gives it", async () => {
    const runtime = new Runtime(await loadModel(join(folder, `${architecture}.gguf`)), { threads: 1 });
    try {
      for (const [r, row] of rows.entries()) {
        const [scored] = await runtime.score([{ prompt: row.slice(0, 1), response: row.slice(1) }]);
        const expected = row.slice(1).map((token, t) => logSoftmax(logits[r]![t]!)[token]!);
        expect(expected.every((value) => value < -0.01)).toBe(true);
        expect(largestDifference(scored!.logProbs, expected)).toBeLessThan(tolerance);
      }
    } finally {
      await runtime.dispose();
    }
  });
});
