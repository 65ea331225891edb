/** What the program's `--help` says of a command, kept apart from the command, so that help loads none of them. */
export interface CommandEntry {
  /** Name and arguments as commander writes them: `sharpen [task]`. */
  readonly usage: string;
  /** One sentence. */
  readonly summary: string;
  /** What it does on Ctrl-C before it ends; absent: it ends once the current record is written. */
  readonly stopping?: string;
}

/** Every command of the program by its name, in the order of `--help`. */
export const COMMANDS = {
  sharpen: {
    usage: "sharpen [task]",
    summary: "draw, choose by self-reward, train the choice into an adapter, measure and report",
  },
  answer: {
    usage: "answer [prompt...]",
    summary: "answer prompts, each with the best of N responses by self-reward",
  },
  sample: {
    usage: "sample [task]",
    summary: "draw N responses per prompt into a run folder, to evaluate or train on later",
  },
  serve: {
    usage: "serve",
    summary: "serve an OpenAI-compatible API whose every answer is the best of N responses",
    stopping: "Stopping once every open request is answered",
  },
  evaluate: {
    usage: "evaluate <run>",
    summary: "measure a run again from its responses, and rewrite metrics.json and the report",
  },
  train: { usage: "train", summary: "train an adapter on a run" },
  report: {
    usage: "report <run>",
    summary: "rewrite a run's report.html from its files, and print its path",
  },
  runs: {
    usage: "runs [action] [run...]",
    summary: "list runs, show one, compare two, or remove one",
  },
  view: {
    usage: "view [folder]",
    summary: "show the runs of a folder in the browser, live while they are drawn and trained",
    stopping: "Stopping",
  },
  export: {
    usage: "export <from> <target>",
    summary:
      "merge an adapter into a model folder, convert it for llama.cpp, or write a run's responses as Parquet",
  },
  models: {
    usage: "models [action] [name]",
    summary: "list the models on this machine, pull one from the Hugging Face hub, or inspect one",
  },
  "demo-page": {
    usage: "demo-page <folder>",
    summary: "write a static page in which the embedded model draws and chooses by itself, in the browser",
  },
  theory: {
    usage: "theory",
    summary: "check every theorem, lemma and example of the paper on exact finite instances",
  },
  reproduce: { usage: "reproduce", summary: "repeat the paper's experiments and write them up as one page" },
  schema: {
    usage: "schema [name]",
    summary: "print the JSON schema of what a command ends with under --json, or of a file",
  },
  complete: {
    usage: "complete [shell]",
    summary: "print a completion script for bash, zsh, fish or powershell",
  },
} as const satisfies Readonly<Record<string, CommandEntry>>;

/** A command of the program. */
export type CommandName = keyof typeof COMMANDS;
