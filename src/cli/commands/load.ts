import type { AddCommand } from "../command.js";
import { COMMANDS, type CommandName } from "./table.js";

/** Imports a command, and with it what it works with: the others stay on the disk. */
const LOADERS: Readonly<Record<CommandName, (args: readonly string[]) => Promise<AddCommand>>> = {
  sharpen: async () => (await import("./sharpen.js")).sharpenCommand,
  answer: async () => (await import("./answer.js")).answerCommand,
  sample: async () => (await import("./sample.js")).sampleCommand,
  serve: async () => (await import("./serve.js")).serveCommand,
  evaluate: async () => (await import("./evaluate.js")).evaluateCommand,
  train: async (args) => group("train", await (await import("./train.js")).trainCommands(args)),
  report: async () => (await import("./report.js")).reportCommand,
  runs: async () => (await import("./runs.js")).runsCommand,
  view: async () => (await import("./view.js")).viewCommand,
  complete: async () => (await import("./complete.js")).completeCommand,
  export: async () => (await import("./export.js")).exportCommand,
  models: async () => (await import("./models.js")).modelsCommand,
  "demo-page": async () => (await import("./demo-page.js")).demoPageCommand,
  schema: async () => (await import("./schema.js")).schemaCommand,
  theory: async () => (await import("./theory.js")).theoryCommand,
  reproduce: async () => {
    const [inference, amortized] = await Promise.all([
      import("./reproduce-inference.js"),
      import("./reproduce-amortized.js"),
    ]);
    return group("reproduce", [inference.reproduceInferenceCommand, amortized.reproduceAmortizedCommand]);
  },
};

/**
 * What adds a command, and those below it, to the program.
 * @param args all words of the command line: a module of one's own brings a command along.
 */
export async function loadCommand(name: CommandName, args: readonly string[]): Promise<AddCommand> {
  return await LOADERS[name](args);
}

/** A command that only holds others. */
function group(name: CommandName, members: readonly AddCommand[]): AddCommand {
  return (parent, contextOf) => {
    const { usage, summary } = COMMANDS[name];
    const command = parent.command(usage).description(summary);
    for (const add of members) add(command, contextOf);
  };
}
