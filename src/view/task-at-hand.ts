import { WhetstoneError } from "../core/errors.js";
import type { RunReader } from "../run/read-run.js";
import type { Task } from "../task/task.js";

/** The task of a run. @throws WhetstoneError where it cannot be opened. */
export type TaskOf = (run: RunReader) => Promise<Task>;

/** A run's task, or why it is not shown what is right. */
export interface TaskAtHand {
  readonly task?: Task;
  readonly remark?: string;
}

/** The task, where it can be opened without running what the run's folder names, and is the one that was drawn for; else why not. */
export async function taskAtHand(run: RunReader, taskOf: TaskOf): Promise<TaskAtHand> {
  const { manifest, dir } = run;
  const module = moduleIn(manifest);
  if (module !== undefined)
    return {
      remark: `What is right is not shown: ${module} is a module of one's own, and looking at a run runs none.`,
    };
  try {
    const task = await taskOf(run);
    if (task.digest === manifest.task.digest) return { task };
    return {
      remark: `What is right is not shown: the prompts or labels of ${task.name} have changed since ${dir} was made.`,
    };
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error;
    return { remark: `What is right is not shown: ${error.message}` };
  }
}

/** The module that opening a run's task would run, whatever its manifest says of it; undefined where none would be. */
function moduleIn({ task }: RunReader["manifest"]): string | undefined {
  if (task.module) return task.module.path;
  const words = [task.name, task.path, task.grader?.name, task.grader?.module?.path];
  return words.find((word) => word !== undefined && /\.[mc]?[jt]s$/i.test(word));
}
