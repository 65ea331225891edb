import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../core/errors.js";
import type { Policy } from "../policy/policy.js";
import type { Task } from "../task/task.js";
import { promptsOf, wordPolicy } from "../sharpen/tiny-policies.test-helper.js";
import type { SuiteOptions } from "./cells.js";

/** Responses of the words a, b and c; the answer is the last one, and right where it is the prompt's own. */
export function wordTask(name = "words", prompts = 12): Task {
  const all = promptsOf(prompts);
  const right = new Map(all.map(({ id }, i) => [id, "abc"[i % 3]!]));
  const extract = (text: string): string | undefined => /([abc])[^abc]*$/.exec(text)?.[1];
  return {
    name,
    digest: `${name} ${prompts}`,
    maxTokens: 6,
    prompts: (split) => (split === "test" ? all : []),
    extract,
    grade: (id, text) => extract(text) === right.get(id),
  };
}

/** A suite of word policies in a new folder; the model `missing` cannot be loaded. */
export function tinySuite(
  different: Partial<SuiteOptions> = {},
): SuiteOptions & { readonly loaded: string[] } {
  const loaded: string[] = [];
  return {
    models: ["words"],
    tasks: ["first"],
    out: join(mkdtempSync(join(tmpdir(), "whetstone-suite-")), "out"),
    resume: false,
    prompts: 11,
    n: 5,
    temperature: 1,
    seeds: 2,
    command: "npx whetstone reproduce inference",
    createdAt: "2026-01-01T00:00:00.000Z",
    openModel: (name) => {
      loaded.push(name);
      if (name === "missing") return Promise.reject(new UsageError(`There is no model "${name}".`));
      const policy = { ...wordPolicy(), name } satisfies Policy;
      return Promise.resolve({ policy, recorded: { name, digest: policy.digest } });
    },
    openTask: (name) => Promise.resolve({ task: wordTask(name) }),
    loaded,
    ...different,
  };
}
