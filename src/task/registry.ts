import { UsageError } from "../core/errors.js";
import { game24, type Game24Options } from "./game24/game24.js";
import { jsonlTask, type JsonlOptions } from "./jsonl.js";
import type { Task } from "./task.js";

/** What a task may be told; each takes what it knows and ignores the rest. */
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
 * @throws UsageError that lists the built-in names if it is neither; DataError and UsageError as `jsonlTask`.
 */
export async function taskNamed(name: string, options: TaskOptions = {}): Promise<Task> {
  const entry = taskEntries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry.create(options);
  if (name.toLowerCase().endsWith(".jsonl")) return jsonlTask(name, options);
  const names = taskEntries.map((candidate) => candidate.name).join(", ");
  throw new UsageError(
    `There is no task "${name}"; use ${names}, or the path of your own file ending in .jsonl.`,
  );
}
