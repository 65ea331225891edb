import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { writeResponsesParquet } from "./parquet-file.js";

const dir = mkdtempSync(join(tmpdir(), "whetstone-parquet-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const response = (promptId: string, index: number, more: Partial<Response> = {}): Response => ({
  ...{ promptId, index, text: `ü "${index}"\n`, tokens: [index, 49151], logProbs: [-0.125, -1e-9] },
  finish: index % 2 === 0 ? "stop" : "length",
  ...more,
});

function write(name: string, responses: readonly Response[]) {
  const source = { prompts: join(dir, `${name}.prompts.jsonl`), responses: join(dir, `${name}.jsonl`) };
  const lines = (records: readonly object[]): string =>
    records.map((one) => `${JSON.stringify(one)}\n`).join("");
  writeFileSync(source.prompts, lines(["a", "b"].map((id) => ({ id, text: `${id}?`, split: "test" }))));
  writeFileSync(source.responses, lines(responses));
  return source;
}

describe("responses as Parquet", () => {
  it("are what they were, in their order", async () => {
    const responses = [
      response("b", 1),
      response("a", 0, { certainties: [0.5, 2.25] }),
      response("a", 2, { text: "", tokens: [], logProbs: [] }),
      ...Array.from({ length: 2100 }, (_, at) => response("b", at + 2)),
    ];
    const target = join(dir, "all.parquet");
    expect(await writeResponsesParquet(write("all", responses), target)).toBe(responses.length);
    const file = await asyncBufferFromFile(target);
    const rows = await parquetReadObjects({ file });
    // A list that is null is undefined to this reader.
    expect(rows).toEqual(responses.map((one) => ({ ...one, prompt: `${one.promptId}?` })));
    const { row_groups } = await parquetMetadataAsync(file);
    expect(row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([2000, 103]);
  });

  it("leave nothing behind where a record is wrong", async () => {
    const target = join(dir, "wrong.parquet");
    const source = write("wrong", [response("a", 0), response("c", 0)]);
    await expect(writeResponsesParquet(source, target)).rejects.toThrow(/^Line 2 of .* is of a prompt "c"/);
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(dir).filter((name) => name.startsWith(".tmp-"))).toEqual([]);
    await expect(writeResponsesParquet(source, join(dir, "no", "folder.parquet"))).rejects.toThrow(
      /folder\.parquet cannot be written: there is no such file or folder\.$/,
    );
  });
});
