import { UsageError } from "../core/errors.js";
import { game24, type Game24Options } from "./game24/game24.js";
import { jsonlTask, type JsonlOptions } from "./jsonl.js";
import type { Task } from "./task.js";

/** What a task may be told: `orders` is for game24; `grader` and `applyChatTemplate` are for a user's file. */
export type TaskOptions = Game24Options & JsonlOptions;

/** A built-in task, as `--help` lists it. A new one is a folder beside game24 and an entry here. */
export interface TaskEntry {
  readonly name: string;
  /** One sentence. */
  readonly description: string;
  readonly create: (options: TaskOptions) => Task;
}

/** The built-in tasks. */
export const taskEntries: readonly TaskEntry[] = [
  {
    name: "game24",
    description: "make 24 of four numbers in three steps; 256 puzzles held out of all training",
    create: game24,
  },
];

/**
 * The task of a name: a built-in one, or the path of a file that ends in `.jsonl`.
 * @throws UsageError that lists the built-in names if it is neither, and for a grader with a built-in task or orders with
 *   a file; DataError and UsageError as `jsonlTask`.
 */
export async function taskNamed(name: string, options: TaskOptions = {}): Promise<Task> {
  const entry = taskEntries.find((candidate) => candidate.name === name);
  if (entry !== undefined) {
    if (options.grader === undefined) return entry.create(options);
    throw new UsageError(
      `The task ${name} has a grader of its own; leave out --grader, which is for your own .jsonl files.`,
    );
  }
  if (name.toLowerCase().endsWith(".jsonl")) {
    if (options.orders === undefined) return jsonlTask(name, options);
    throw new UsageError(`Orders of the numbers are for game24, not for ${name}; leave them out.`);
  }
  const names = taskEntries.map((candidate) => candidate.name).join(", ");
  throw new UsageError(
    `There is no task "${name}"; use ${names}, or the path of your own file ending in .jsonl.`,
  );
}
