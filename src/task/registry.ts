import { z } from "zod";
import { DataError, UsageError } from "../core/errors.js";
import { unknownName } from "../core/names.js";
import { isModulePath, loadModule } from "../core/own-module.js";
import { game24Fresh } from "./game24/fresh.js";
import { game24Spare } from "./game24/spare.js";
import { game24Train } from "./game24/train.js";
import { game24, type Game24Options } from "./game24/game24.js";
import { extractOperations } from "./game24/grade.js";
import { isNamedGrader, type GraderName } from "./graders.js";
import { gsm8k } from "./gsm8k.js";
import { cachedData, type HubData } from "./hub-data.js";
import { jsonlTask, type JsonlOptions } from "./jsonl.js";
import { isPromptFile, PROMPT_FILE_KINDS } from "./prompt-files.js";
import { labelledTask, zeroShot, type LabelledOptions, type LabelledSpec } from "./labelled.js";
import { math } from "./math.js";
import { mmluCollegeBiology, mmluCollegeChemistry, mmluCollegePhysics } from "./mmlu.js";
import { prontoqa } from "./prontoqa.js";
import type { Task } from "./task.js";
import { TRANSDUCTIVE, transductive } from "./transductive.js";

/**
 * What a task may be told: `orders` is for game24; `grader` for a user's file; `data` and `rows` for the tasks of public data
 * sets; `takes` and `raw` for both.
 */
export type TaskOptions = Game24Options & JsonlOptions & LabelledOptions;

/** Where the rows of a public data set come from. */
export interface TaskData {
  /** On the Hugging Face hub; absent where it is not there in the form that is read. */
  readonly hub?: HubData;
  /** Where a person finds it, in words. */
  readonly from: string;
}

/** A built-in task, as `--help` lists it. A new one is a file or folder here and an entry below. */
export interface TaskEntry {
  readonly name: string;
  /** One sentence. */
  readonly description: string;
  /** For a task whose rows do not come with the package. */
  readonly data?: TaskData;
  /** The same prompts without the example that they show, under a name of its own: `gsm8k-zero-shot`. Absent where they show none. */
  readonly zeroShot?: TaskEntry;
  /** The answer in a response's text, as the task's own `extract` has it: for those who have only the task's name, and no rows. */
  readonly extract: (text: string) => string | undefined;
  /** @throws as `game24` and `labelledTask`; DataError where rows are needed and there are none. */
  readonly create: (options: TaskOptions) => Promise<Task>;
}

/** The built-in tasks. */
export const taskEntries: readonly TaskEntry[] = [
  {
    name: "game24",
    description: "make 24 of four numbers in three steps; 256 puzzles held out of all training",
    extract: extractOperations,
    create: (options) => Promise.resolve(game24(options)),
  },
  {
    name: "game24-fresh",
    description:
      "the same, trained on 12,000 fresh prompts with other targets than 24 instead of puzzles known by heart",
    extract: extractOperations,
    create: (options) => Promise.resolve(game24Fresh(options)),
  },
  {
    name: "game24-train",
    description: "the same, measured on 256 of its training puzzles",
    extract: extractOperations,
    create: (options) => Promise.resolve(game24Train(options)),
  },
  {
    name: "game24-spare",
    description:
      "the same, trained on the half of its puzzles that a base of one's own was pretrained without",
    extract: extractOperations,
    create: (options) => Promise.resolve(game24Spare(options)),
  },
  publicTask(gsm8k, "word problems of primary school, answered with a number", {
    hub: { id: "openai/gsm8k", folder: "main" },
    from: "test.jsonl and train.jsonl of github.com/openai/grade-school-math, or test-00000-of-00001.parquet of openai/gsm8k on the Hugging Face hub",
  }),
  publicTask(math, "competition mathematics, problems whose answer is an integer", {
    hub: { id: "DigitalLearningGmbH/MATH-lighteval", folder: "data" },
    from: "test-00000-of-00001.parquet of DigitalLearningGmbH/MATH-lighteval on the Hugging Face hub",
  }),
  publicTask(prontoqa, "is a statement true or false, given rules about invented kinds", {
    from: "the generator at github.com/asaparov/prontoqa, its examples one JSON object a line",
  }),
  ...[mmluCollegeBiology, mmluCollegePhysics, mmluCollegeChemistry].map((spec) =>
    publicTask(spec, `multiple choice, ${spec.name.replace("mmlu-", "").replace("-", " ")} (MMLU)`, {
      hub: { id: "cais/mmlu", folder: spec.name.replace("mmlu-", "").replace("-", "_") },
      from: "test-00000-of-00001.parquet of cais/mmlu on the Hugging Face hub, in the subject's folder",
    }),
  ),
];

function publicTask<Row>(spec: LabelledSpec<Row>, description: string, data: TaskData): TaskEntry {
  const zeroShotDescription = `${description}; without an example`;
  return {
    ...labelledEntry(spec, description, data),
    zeroShot: labelledEntry(zeroShot(spec), zeroShotDescription, data),
  };
}

function labelledEntry<Row>(spec: LabelledSpec<Row>, description: string, data: TaskData): TaskEntry {
  const { name, extract } = spec;
  return {
    name,
    description,
    data,
    extract,
    create: (options) => labelledTask(spec, { ...options, data: dataPath(name, data, options.data) }),
  };
}

/** The names of the tasks that take `data`. */
const withData = taskEntries.filter(({ data }) => data !== undefined).map(({ name }) => name);

function dataPath(name: string, data: TaskData, given?: string): string {
  const path = given ?? (data.hub && cachedData(data.hub));
  if (path !== undefined) return path;
  const fetched = data.hub
    ? `, or put it into the Hugging Face cache with "hf download ${data.hub.id} --repo-type dataset", where it is found`
    : "";
  throw new DataError(
    `The task ${name} needs the rows of its data set, which do not come with whetstone: get ${data.from}${fetched}`,
    { reason: "data-missing", where: name, remedy: "give the file, or a folder of such files, as `data`" },
  );
}

/**
 * The built-in task of a name, that of a public data set without the example (`gsm8k-zero-shot`), or either in the paper's protocol, which
 * learns from the prompts that are measured (`game24-transductive`); undefined if there is none.
 */
export function taskEntry(name: string): TaskEntry | undefined {
  const isTransductive = name.endsWith(TRANSDUCTIVE);
  const own = isTransductive ? name.slice(0, -TRANSDUCTIVE.length) : name;
  const entry = taskEntries
    .flatMap((candidate) => [candidate, ...(candidate.zeroShot ? [candidate.zeroShot] : [])])
    .find((candidate) => candidate.name === own);
  if (entry === undefined || !isTransductive) return entry;
  return { ...entry, name, create: async (options) => transductive(await entry.create(options)) };
}

/**
 * Where the rows of a task are: the file or folder that is given or, for a task of a public data set, what the Hugging Face
 * cache has; the file itself for a user's file; undefined where the task needs none.
 * @throws DataError that says where the rows are to be had, if there are none; UsageError for `data` that the task does not
 *   take.
 */
export function taskPath(name: string, given?: string): string | undefined {
  const entry = taskEntry(name);
  if (entry?.data !== undefined) return dataPath(name, entry.data, given);
  if (given !== undefined) {
    throw new UsageError(
      `Rows are for ${withData.join(", ")}, not for ${name}`,
      entry
        ? { reason: "data-not-taken", where: name, remedy: "leave out `data`" }
        : {
            reason: "data-is-the-task",
            where: name,
            remedy: "leave out `data`, and name your own file as the task",
          },
    );
  }
  return entry === undefined ? name : undefined;
}

/** Whether a task is a module of one's own: a path that ends in `.js` or `.mjs`. */
export function isTaskModule(name: string): boolean {
  return isModulePath(name) && /\.m?js$/i.test(name);
}

const method = z.custom<unknown>((value) => typeof value === "function", "must be a function");
const shape = z.object({
  name: z.string().min(1),
  digest: z.string().min(1),
  maxTokens: z.int().min(1),
  chance: z.number().gt(0).lt(1).optional(),
  prompts: method,
  extract: method,
  grade: method,
});

async function ownTask(path: string, options: TaskOptions): Promise<Task> {
  const given = (["grader", "orders", "rows", "data"] as const).find((name) => options[name] !== undefined);
  if (given !== undefined)
    throw new UsageError(`--${given} is not for ${path}, a task of your own; leave it out.`);
  return loadModule<Task>(path, "task", shape);
}

/**
 * The task of a name: a built-in one, the path of a file of prompts (`isPromptFile`), or of a module of one's own (`./mine.js`).
 * @throws UsageError that lists the built-in names if it is neither, and for an option that it does not take; DataError and
 *   UsageError as `jsonlTask` and `labelledTask`.
 * @example
 * ```ts
 * import { findTask } from "whetstone";
 * const game24 = await findTask("game24");
 * console.log(game24.prompts("test").length); // → 256
 * ```
 */
export async function findTask(name: string, options: TaskOptions = {}): Promise<Task> {
  if (isTaskModule(name)) return ownTask(name, options);
  const entry = taskEntry(name);
  if (entry === undefined && !isPromptFile(name)) {
    const names = taskEntries.map((candidate) => candidate.name);
    const own = `give the path of your own file (${PROMPT_FILE_KINDS}) or module, such as ./prompts.jsonl or ./mine.js`;
    throw unknownName("task", name, names, own);
  }
  if (entry !== undefined && options.grader !== undefined) {
    throw new UsageError(`The task ${name} has a grader of its own`, {
      reason: "grader-not-taken",
      where: name,
      remedy: "leave out `grader`, which is for your own files",
    });
  }
  if (options.orders !== undefined && name !== "game24") {
    throw new UsageError(`Orders of the numbers are for game24, not for ${name}; leave them out.`);
  }
  if (options.rows !== undefined && entry?.data === undefined) {
    throw new UsageError(`\`rows\` is for ${withData.join(", ")}, not for ${name}`, {
      reason: "rows-not-taken",
      where: name,
      remedy: "leave it out",
    });
  }
  const path = taskPath(name, options.data);
  const task = await (entry === undefined
    ? jsonlTask(name, options)
    : entry.create(path === undefined ? options : { ...options, data: path }));
  const recipe = recipeFor(name, options);
  if (recipe) recipes.set(task, recipe);
  return task;
}

/** What `findTask` makes the same task of in another thread: plain values. */
export interface TaskRecipe {
  readonly name: string;
  readonly options: TaskOptions;
}

const recipes = new WeakMap<Task, TaskRecipe>();

/** How a task was found; undefined where somebody's own code is part of it, or it was not found by its name. */
export function recipeOf(task: Task): TaskRecipe | undefined {
  return recipes.get(task);
}

function recipeFor(name: string, { grader, ...options }: TaskOptions): TaskRecipe | undefined {
  if (grader === undefined) return { name, options };
  if (typeof grader === "string") return { name, options: { ...options, grader } };
  return isNamedGrader(grader)
    ? { name, options: { ...options, grader: grader.name as GraderName } }
    : undefined;
}
