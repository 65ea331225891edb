import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "../core/errors.js";
import { readError, sha256, writeAtomically, writeError } from "../core/files.js";
import { readLines } from "../core/lines.js";
import { promptIdentity, type Response } from "../policy/policy.js";
import { LEAST_INDEXED_BYTES } from "./places-file.js";
import { responseKey, type PromptRecord } from "./records.js";
import type { Run } from "./run.js";
import { isLargeLog, linesIn, rewriteLog, spansOfLog } from "./settle-responses.js";

/** What has become of a run's prompts. */
export interface PromptChanges {
  /** Prompts that the run had, and that the task has no more. */
  readonly removed: number;
  /** Prompts that have another text than when they were drawn for, or are measured now and were not, or the reverse. */
  readonly changed: number;
  /** Prompts of which records that were set aside are back. */
  readonly restored: number;
  /** Prompts that the run has not had. */
  readonly added: number;
}

const FOLDER = "set-aside";
const RECORDS = join(FOLDER, "records.jsonl");
const PROMPTS = "prompts.jsonl";
const LONGEST_LINE_BYTES = 64 * 1024 * 1024;

/** A line of set-aside/records.jsonl: a record, the file it was in, and the prompt that it belongs to. */
interface SetAside {
  readonly file: string;
  readonly prompt: string;
  readonly record: unknown;
}

/**
 * Brings a run's records into line with a task whose prompts have changed, before anything else is drawn: records of prompts
 * that are gone, or have another text or split, go to set-aside/records.jsonl, and come back with the prompt. So a run ends with
 * the same records as one that was made with these prompts from the start. Killed at any moment and called again, it ends the
 * same. No log of the run may be open.
 * @param digest of the task as it is now.
 * @param prompts all that the run may have: each with the split that it is used for.
 * @param large of files of responses of more bytes only what is moved is read into memory.
 * @returns undefined where nothing had to be done.
 * @throws RunError where the run has prompts and the task has none of them: it is another task.
 */
export async function settlePrompts(
  run: Run,
  digest: string,
  prompts: readonly PromptRecord[],
  large = LEAST_INDEXED_BYTES,
): Promise<PromptChanges | undefined> {
  const recorded = await run.prompts();
  const present = new Set(prompts.map(identity));
  const gone = recorded.filter((prompt) => !present.has(identity(prompt)));
  const texts = new Set(prompts.map(({ text }) => text));
  if (recorded.length > 0 && !recorded.some(({ text }) => texts.has(text))) {
    throw new RunError(
      `${run.dir} was made with other prompts: the task has none of its ${recorded.length}`,
      { reason: "run-of-another-task", where: run.dir, remedy: "give the task that it was made with" },
    );
  }
  if (gone.length > 0) await setAside(run.dir, gone, large);
  const restored = await takeBack(run.dir, prompts, large);
  await renewSplits(run.dir, prompts);
  const ids = new Set(prompts.map(({ id }) => id));
  const known = new Set(recorded.map(({ id }) => id));
  const changed = gone.filter(({ id }) => ids.has(id)).length;
  const added = prompts.filter((prompt) => prompt.split === "test" && !known.has(prompt.id)).length;
  const isAnother = run.manifest.task.digest !== digest;
  if (gone.length === 0 && restored === 0 && !isAnother) return undefined;
  if (gone.length > 0 || restored > 0 || added > 0) putAway(run.dir, "metrics.json");
  if (isAnother) await run.recordTask(digest);
  return { removed: gone.length - changed, changed, restored, added };
}

/** What a record belongs to: a prompt of this id and text, that is measured or not: what is learned from also chooses. */
const identity = (prompt: PromptRecord): string =>
  JSON.stringify([prompt.id, sha256(promptIdentity(prompt)), prompt.split === "test" ? "test" : "train"]);

/** A prompt that was learned from may choose the iterate now, or the reverse. */
async function renewSplits(dir: string, prompts: readonly PromptRecord[]): Promise<void> {
  const splits = new Map(prompts.map(({ id, split }) => [id, split]));
  const lines = await linesOf(dir, PROMPTS);
  const renewed = lines.map((line) => {
    const record = JSON.parse(line) as PromptRecord;
    return JSON.stringify({ ...record, split: splits.get(record.id) ?? record.split });
  });
  if (renewed.some((line, i) => line !== lines[i])) await writeLines(dir, PROMPTS, renewed);
}

/** What is to go from a file, and what does that. */
interface Parted {
  readonly file: string;
  /** The lines that go, in their order. */
  readonly moved: () => Iterable<string>;
  readonly keepRest: () => Promise<void>;
}

/** Moves the records of prompts; prompts.jsonl last, which says what the other records belong to. */
async function setAside(dir: string, gone: readonly PromptRecord[], large: number): Promise<void> {
  const owners = new Map(gone.map((prompt) => [prompt.id, identity(prompt)]));
  const parted: Parted[] = [];
  for (const file of recordFiles(dir)) {
    const isLarge = isLargeLog(join(dir, file), large);
    const own = isLarge ? await partLog(dir, file, owners, large) : await partLines(dir, file, owners);
    if (own) parted.push(own);
  }
  makeFolder(join(dir, FOLDER));
  const before = await linesOf(dir, RECORDS);
  const lines = function* (): Generator<string> {
    yield* before;
    for (const { file, moved } of parted)
      for (const line of moved()) {
        const record: unknown = JSON.parse(line);
        const prompt = owners.get(promptIdOf(file, record))!;
        yield JSON.stringify({ file, prompt, record } satisfies SetAside);
      }
  };
  await writeLines(dir, RECORDS, distinct(lines()));
  for (const { keepRest } of parted) await keepRest();
}

/** What goes from a file that is read into memory; undefined where nothing does. */
async function partLines(
  dir: string,
  file: string,
  owners: ReadonlyMap<string, string>,
): Promise<Parted | undefined> {
  const lines = await linesOf(dir, file);
  const isGone = lines.map((line) => owners.has(promptIdOf(file, JSON.parse(line))));
  if (!isGone.includes(true)) return undefined;
  return {
    file,
    moved: () => lines.filter((_, i) => isGone[i]),
    keepRest: () =>
      writeLines(
        dir,
        file,
        lines.filter((_, i) => !isGone[i]),
      ),
  };
}

/** The same of a large file of responses. */
async function partLog(
  dir: string,
  file: string,
  owners: ReadonlyMap<string, string>,
  large: number,
): Promise<Parted | undefined> {
  const path = join(dir, file);
  const spans = await spansOfLog(path);
  const gone = spans.filter(({ promptId }) => owners.has(promptId));
  if (gone.length === 0) return undefined;
  const kept = spans.filter(({ promptId }) => !owners.has(promptId));
  return { file, moved: () => linesIn(path, gone), keepRest: () => rewriteLog(path, kept, large) };
}

/** Each line once. In memory are their digests. */
function* distinct(lines: Iterable<string>): Generator<string> {
  const seen = new Set<string>();
  for (const line of lines) {
    const digest = sha256(line);
    if (!seen.has(digest)) yield line;
    seen.add(digest);
  }
}

/** Gives prompts that are there again the records that were set aside. @returns how many prompts. */
async function takeBack(dir: string, prompts: readonly PromptRecord[], large: number): Promise<number> {
  const before = await linesOf(dir, RECORDS);
  const present = new Set(prompts.map(identity));
  const entries = before.map((line) => ({ line, ...(JSON.parse(line) as SetAside) }));
  const back = entries.filter(({ prompt }) => present.has(prompt));
  if (back.length === 0) return 0;
  const files = [...new Set(back.map(({ file }) => file))];
  // The prompts first: a record is never without its prompt.
  for (const file of files.sort((a, b) => Number(b === PROMPTS) - Number(a === PROMPTS))) {
    const own = back.filter((entry) => entry.file === file).map(({ record }) => record);
    const lines = own.map((record) => JSON.stringify(record));
    if (isLargeLog(join(dir, file), large)) await addToLog(join(dir, file), own as Response[], large);
    else await writeLines(dir, file, [...new Set([...(await linesOf(dir, file)), ...lines])]);
  }
  const left = entries.filter(({ prompt }) => !present.has(prompt));
  await writeLines(
    dir,
    RECORDS,
    left.map(({ line }) => line),
  );
  return new Set(back.map(({ prompt }) => prompt)).size;
}

/** Puts responses back into a large file, which may have some of them from an earlier try. */
async function addToLog(path: string, own: readonly Response[], large: number): Promise<void> {
  const spans = await spansOfLog(path);
  const ids = new Set(own.map(({ promptId }) => promptId));
  const there = spans.filter(({ promptId }) => ids.has(promptId));
  const keys = new Set(
    there.flatMap(({ promptId, first, count }) =>
      Array.from({ length: count }, (_, i) => responseKey(promptId, first + i)),
    ),
  );
  const missing = own.filter(({ promptId, index }) => !keys.has(responseKey(promptId, index)));
  await rewriteLog(
    path,
    spans,
    large,
    missing.map((record) => JSON.stringify(record)),
  );
}

/** Moves a file or folder of a run that is true no more into set-aside/, under a name that is free. */
export function putAway(dir: string, name: string): void {
  if (!existsSync(join(dir, name))) return;
  const place = (count: number): string => join(dir, FOLDER, `${name.replaceAll(/[\\/]/g, "-")}-${count}`);
  let count = 1;
  while (existsSync(place(count))) count++;
  makeFolder(join(dir, FOLDER));
  try {
    renameSync(join(dir, name), place(count));
  } catch (cause) {
    throw writeError(join(dir, name), cause);
  }
}

/** Every JSONL file of a run, relative to it; prompts.jsonl last. */
function recordFiles(dir: string): string[] {
  try {
    const files = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".jsonl") && !name.startsWith(FOLDER) && name !== PROMPTS,
    );
    return [...files.sort(), PROMPTS];
  } catch (cause) {
    throw readError(dir, cause);
  }
}

/** The whole lines of a file; none if it is not there. A torn last line was never acknowledged. */
async function linesOf(dir: string, file: string): Promise<string[]> {
  const path = join(dir, file);
  if (!existsSync(path)) return [];
  const lines: string[] = [];
  for await (const { text } of readLines(path, { maxBytes: LONGEST_LINE_BYTES, skipTornTail: true }))
    lines.push(text);
  return lines;
}

function promptIdOf(file: string, record: unknown): string {
  const { id, promptId } = record as { readonly promptId?: unknown; readonly id?: unknown };
  return String(file === PROMPTS ? id : promptId);
}

/** Lines are written together up to so many characters. */
const PIECE = 1 << 20;

async function writeLines(dir: string, file: string, lines: Iterable<string>): Promise<void> {
  // In pieces, since a string may not be longer than half a gigabyte.
  const pieces = function* (): Generator<Uint8Array> {
    let [piece, length]: [string[], number] = [[], 0];
    for (const line of lines) {
      piece.push(line, "\n");
      length += line.length;
      if (length < PIECE) continue;
      yield Buffer.from(piece.join(""), "utf8");
      [piece, length] = [[], 0];
    }
    yield Buffer.from(piece.join(""), "utf8");
  };
  await writeAtomically(join(dir, file), pieces());
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
}
