import { sha256 } from "../core/files.js";
import type { Task } from "./task.js";

/** What is put behind a task's name for the paper's protocol. */
export const TRANSDUCTIVE = "-transductive";

/** What the ids of prompts that are learned from begin with: what is drawn for learning is not what is measured. */
const AGAIN = "again-";

/**
 * A task in the paper's protocol of amortization (§6, App. A.3): what is learned from are the very prompts that are measured, never their
 * labels. It answers whether a search on these prompts can be put into weights; whether that helps on others, it does not say. The
 * iterate is still chosen on validation prompts, where the task has them.
 */
export function transductive(task: Task): Task {
  const train = task.prompts("test").map((prompt) => ({ ...prompt, id: `${AGAIN}${prompt.id}` }));
  const own = (id: string): string => (id.startsWith(AGAIN) ? id.slice(AGAIN.length) : id);
  return {
    ...task,
    name: `${task.name}${TRANSDUCTIVE}`,
    digest: sha256(JSON.stringify(["transductive", task.digest])),
    learnsFromTest: true,
    prompts: (split) => (split === "train" ? train : task.prompts(split)),
    grade: (promptId, text) => task.grade(own(promptId), text),
    ...(task.where && { where: (promptId: string) => task.where!(own(promptId)) }),
  };
}
