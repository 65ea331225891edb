import {
  BATCH,
  COMMON,
  DRAWING,
  HOLDING,
  POWER,
  REMOTE,
  TRAINER,
  TRAINING,
  type OptionName,
} from "./options.js";

/** Options under one heading of a command's help, in this order. */
interface HelpGroup {
  readonly heading: string;
  readonly options: readonly OptionName[];
}

/** What most people say, of every command; of `sharpen` these are ten. */
const FIRST: readonly OptionName[] = [
  ...([
    "model",
    "models",
    "movedModel",
    "movedTask",
    "promptFile",
    "answersOut",
    "system",
    "task",
    "tasks",
    "grader",
    "n",
  ] as const),
  ...([
    "reward",
    "oneReward",
    "serveReward",
    "bestOf",
    "methods",
    "prompts",
    "run",
    "resume",
    "dryRun",
  ] as const),
];

const TASK: readonly OptionName[] = ["data", "taskData", "suitePrompts", "rows", "orders", "raw", "skipLong"];
/** Where a server listens, whom it answers, and how much at once. */
const SERVING: readonly OptionName[] = [
  ...([
    "host",
    "port",
    "slots",
    "prefixMemory",
    "loneRow",
    "apiKeyFile",
    "allowOrigin",
    "allowHost",
    "logText",
  ] as const),
];
/** How the model is held and computed here. */
const MACHINE: readonly OptionName[] = [...HOLDING, "exactChoice", "memory", "threads"];
const ELSEWHERE: ReadonlySet<OptionName> = new Set([...REMOTE, ...MACHINE]);

const GROUPS: readonly HelpGroup[] = [
  { heading: "What matters first:", options: FIRST },
  { heading: "Task and prompts:", options: TASK },
  {
    heading: "Choosing and drawing:",
    options: [
      "drawSeeds",
      ...([
        "adaptive",
        "baselines",
        "amortize",
        "noAmortize",
        "all",
        "withGreedy",
        "stop",
        "topP",
        "minP",
      ] as const),
      ...DRAWING.filter((name) => !ELSEWHERE.has(name)),
    ],
  },
  { heading: "Drawing from π^α:", options: POWER },
  { heading: "The model on this machine:", options: MACHINE },
  {
    heading: "Training:",
    options: [
      "trainingSeeds",
      "redraw",
      "trainNs",
      "suiteMethods",
      "rewards",
      "sweep",
      ...TRAINING,
      "checkpointing",
    ],
  },
  { heading: "Training elsewhere:", options: TRAINER },
  { heading: "Servers:", options: REMOTE },
  { heading: "Serving:", options: SERVING },
  { heading: "Batch files:", options: BATCH },
];
const REST = "Output and others:";
/** Fewer options than this need no headings. */
const MANY = 14;

/** An option, and the heading that it stands under; none where the command has few options. */
export interface Placed {
  readonly name: OptionName;
  readonly heading?: string;
}

/** The options of a command in the order in which its help has them: what matters first. */
export function inGroups(names: readonly OptionName[]): readonly Placed[] {
  const all = [...names, ...COMMON];
  if (all.length < MANY) return all.map((name) => ({ name }));
  const placed = new Set<OptionName>();
  const groups = GROUPS.flatMap(({ heading, options }) =>
    options.flatMap((name) => {
      if (!all.includes(name) || placed.has(name)) return [];
      placed.add(name);
      return [{ name, heading }];
    }),
  );
  return [...groups, ...all.filter((name) => !placed.has(name)).map((name) => ({ name, heading: REST }))];
}

/** The heading of options that are a method's own, and of `--help`. */
export const HEADINGS = { own: "Training:", rest: REST } as const;
