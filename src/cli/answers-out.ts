import { closeSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { RunError, UsageError } from "../core/errors.js";
import { errorCode, readError } from "../core/files.js";
import type { Prompt } from "../policy/policy.js";
import { acquireFileLock, type Lock } from "../run/lock.js";
import { openRecordLog, type RecordLog } from "../run/record-log.js";
import { answerSchema, type AnswerRecord } from "../sharpen/answer-record.js";

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** A line of the file that `whetstone answer --out` writes. */
export const answerLineSchema = answerSchema.extend({
  made: z
    .record(z.string(), z.union([scalar, z.array(scalar)]))
    .describe("What the answer was made with: model, N, temperature, seed and what else decides it."),
});

type AnswerLine = z.infer<typeof answerLineSchema>;

/** What answers are made with; two lines of a file are made with the same. */
export type Made = AnswerLine["made"];

/** A file of answers that goes on where it stopped. */
export interface AnswersOut {
  /** Whether a prompt is answered there. */
  has(id: string): boolean;
  /** Writes an answer; once it returns, the answer survives the death of this process. */
  add(answer: AnswerRecord): void;
  /** Puts the answers into the order of the prompts, others last. */
  finish(): Promise<void>;
  close(): void;
}

/** How every line begins. */
const BEGINNING = '{"id":';

/**
 * Opens a file of answers, or makes one.
 * @param prompts what is asked now. @param source the file that they come from, if they do.
 * @throws UsageError where the file is that of the prompts; RunError where it holds something other than answers, or answers made
 *   otherwise or to other prompts, or another process writes it; DataError for a line that is malformed.
 */
export async function openAnswers(
  path: string,
  prompts: readonly Prompt[],
  made: Made,
  source?: string,
): Promise<AnswersOut> {
  if (source !== undefined && resolve(path) === resolve(source))
    throw new UsageError(`--out is the file of the prompts, ${path}; name another for the answers.`);
  if (!beginsLikeAnswers(path))
    throw new RunError(`${path} is there and holds something other than answers; choose another with --out.`);
  const lock = acquireFileLock(path);
  let log: RecordLog<AnswerLine> | undefined;
  try {
    log = await openRecordLog(path, { schema: answerLineSchema, key: ({ id }) => id });
    const asked = new Map(prompts.map(({ id, text }) => [id, text]));
    for (const line of await log.records()) check(path, line, made, asked);
    return written(log, lock, prompts, made);
  } catch (error) {
    log?.close();
    lock.release();
    throw error;
  }
}

function written(log: RecordLog<AnswerLine>, lock: Lock, prompts: readonly Prompt[], made: Made): AnswersOut {
  const order = new Map(prompts.map(({ id }, at) => [id, at]));
  const placeOf = ({ id }: { readonly id: string }): number => order.get(id) ?? Infinity;
  return {
    has: (id) => log.has(id),
    add: (answer) => void log.append({ ...answer, made }),
    finish: async () =>
      void (await log.sort((a, b) => (placeOf(a) === placeOf(b) ? 0 : placeOf(a) - placeOf(b)))),
    close: () => {
      log.close();
      lock.release();
    },
  };
}

function check(path: string, line: AnswerLine, made: Made, asked: ReadonlyMap<string, string>): void {
  const names = [...new Set([...Object.keys(line.made), ...Object.keys(made)])];
  const word = (value: Made[string] | undefined): string =>
    value === undefined || value === null ? "nothing" : JSON.stringify(value).replaceAll('"', "");
  const other = names.find((name) => word(line.made[name]) !== word(made[name]));
  if (other !== undefined) {
    throw new RunError(
      `${path} holds answers made with ${other} = ${word(line.made[other])}, but now it is ${word(made[other])}; ` +
        "answer as before, or choose another file with --out.",
    );
  }
  const text = asked.get(line.id);
  if (text === undefined || text === line.prompt) return;
  throw new RunError(
    `${path} holds the answer to another prompt of the id "${line.id}"; choose another file with --out.`,
  );
}

/** Whether a file is absent, empty, or begins as we begin it: nothing else is ever cut or added to. */
function beginsLikeAnswers(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return true;
    throw readError(path, cause);
  }
  try {
    const head = Buffer.alloc(BEGINNING.length);
    const length = readSync(fd, head, 0, head.length, 0);
    return BEGINNING.startsWith(head.toString("utf8", 0, length));
  } catch (cause) {
    throw readError(path, cause);
  } finally {
    closeSync(fd);
  }
}
