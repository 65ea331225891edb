import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ModelError } from "../../src/core/errors.js";
import { randomStream } from "../../src/core/random.js";
import { readGgufHeader } from "../../src/transformer/gguf/header.js";

const FILES = 20_000;
const MEGABYTE = 1 << 20;
const source = join(
  import.meta.dirname,
  "..",
  "..",
  "src",
  "transformer",
  "testdata",
  "gguf",
  "formats.gguf",
);

it(`reads or refuses ${FILES} mutated GGUF files, each in one sentence and in bounded memory`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-mutations-"));
  const path = join(folder, "mutated.gguf");
  const whole = readFileSync(source);
  // The header's bytes; those of the tensors may be anything.
  const header = 1024;
  const draws = randomStream(20_000, "mutations");
  const below = (count: number): number => Math.floor(draws.next() * count);
  const before = process.memoryUsage.rss();
  let accepted = 0;
  try {
    for (let i = 0; i < FILES; i++) {
      const bytes = Buffer.from(draws.next() < 0.1 ? whole.subarray(0, below(whole.length)) : whole);
      for (let k = 1 + below(6); k > 0 && bytes.length > 0; k--)
        bytes[below(Math.min(header, bytes.length))] = below(256);
      writeFileSync(path, bytes);
      const started = performance.now();
      try {
        await readGgufHeader(path);
        accepted++;
      } catch (error) {
        expect(error).toBeInstanceOf(ModelError);
        expect((error as ModelError).message).toContain(path);
      }
      expect(performance.now() - started, `file ${i}`).toBeLessThan(5_000);
    }
    // Names, values and offsets within the file may change and leave it valid.
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(FILES / 2);
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * MEGABYTE);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
