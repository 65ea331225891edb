import { join } from "node:path";
import { WhetstoneError } from "../core/errors.js";
import { readRun, runFile } from "./read-run.js";
import { emptyKeys, firstLines, readRecords, type KeySet, type RecordKind } from "./record-lines.js";
import { promptRecords, responseKey, responseRecords, selectionRecords } from "./records.js";

/** What `verifyRun` found. */
export interface RunCheck {
  /** One sentence each, with file and line; empty if the run is sound. */
  readonly problems: readonly string[];
  /** Records by file, relative to the folder. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Checks a run folder as a whole: every line is well-formed (token, log-probability and certainty counts agree) and
 * unique, every response and selection is of a known prompt, and every selection is among the prompt's responses. Goes on
 * after a problem, except in a file with a malformed line.
 * @throws RunError if it is not a run folder.
 */
export async function verifyRun(dir: string): Promise<RunCheck> {
  const run = readRun(dir);
  const problems: string[] = [];
  const counts: Record<string, number> = {};
  const check = async <T>(
    name: string,
    kind: RecordKind<T>,
    problemOf: (record: T) => string | undefined,
  ): Promise<KeySet> => {
    const keys = emptyKeys(kind);
    const path = join(dir, name);
    const repeats: { readonly key: string; readonly line: number; readonly at: number }[] = [];
    try {
      for await (const { record, line } of readRecords(path, kind)) {
        const key = kind.key(record);
        if (keys.has(key)) {
          // Its sentence stands here once the file has been read.
          repeats.push({ key, line, at: problems.push("") - 1 });
        } else keys.add(key);
        const problem = problemOf(record);
        if (problem !== undefined) problems.push(`Line ${line} of ${path} ${problem}.`);
      }
    } catch (error) {
      if (!(error instanceof WhetstoneError)) throw error;
      problems.push(error.message);
    }
    const first = await firstLines(path, kind, new Set(repeats.map(({ key }) => key)));
    for (const { key, line, at } of repeats)
      problems[at] = `Line ${line} of ${path} repeats the record of line ${first.get(key)}.`;
    counts[name] = keys.size;
    return keys;
  };

  const prompts = await check("prompts.jsonl", promptRecords, () => undefined);
  const unknown = (id: string): string | undefined =>
    prompts.has(id) ? undefined : `is of a prompt "${id}" that prompts.jsonl does not have`;
  let drawn = emptyKeys(responseRecords);
  for (const adapter of [undefined, ...run.adapters()]) {
    const own = await check(runFile("responses.jsonl", adapter), responseRecords, (response) => {
      return (
        unknown(response.promptId) ??
        (response.index < 0 ? "is a greedy response among the drawn ones" : undefined)
      );
    });
    if (adapter === undefined) drawn = own;
    await check(runFile("greedy.jsonl", adapter), responseRecords, (response) => {
      return unknown(response.promptId) ?? (response.index < 0 ? undefined : "is not a greedy response");
    });
  }
  await check("selections.jsonl", selectionRecords, ({ promptId, chosen }) => {
    const isDrawn = drawn.has(responseKey(promptId, chosen));
    return (
      unknown(promptId) ??
      (isDrawn ? undefined : `chooses response ${chosen}, which responses.jsonl does not have`)
    );
  });
  return { problems, counts };
}
