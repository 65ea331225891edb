import { Command } from "commander";
import { InterruptedError } from "../core/errors.js";
import { packageVersion } from "../core/package-version.js";
import { loadCommand } from "./commands/load.js";
import type { AddCommand } from "./command.js";
import { withOptions } from "./command-line.js";
import { CONFIG_FILE } from "./defaults.js";
import { COMMANDS, type CommandEntry, type CommandName } from "./commands/table.js";
import type { Context } from "./context.js";
import { examplesInHelp, helpLayout, helpWidth } from "./help-layout.js";
import { failureOf, INTERRUPTED_STATUS } from "./errors.js";

/** How everything that is printed about an error begins. */
const NAME = "whetstone";
/** What a command does on Ctrl-C. */
const STOPPING = "Stopping once the current record or training step is done";
const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

/** A pipe that is closed early (`| head`) is no error of ours. */
function endQuietly(error: NodeJS.ErrnoException): never {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

/** Runs the command line and sets the process's exit code; prints one sentence for whatever goes wrong. */
export async function runProgram(args: readonly string[]): Promise<void> {
  let context: Context | undefined;
  const interrupt = new AbortController();
  // Once, however many command lines one process runs.
  process.stdout.off("error", endQuietly).on("error", endQuietly);
  let stopping = STOPPING;
  const onSignal = (signal: NodeJS.Signals): void => {
    context?.progress.stop();
    if (interrupt.signal.aborted) {
      // By the signal itself: an exit would take the runtime's threads down while they compute, which they end with a message of their own.
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
      process.kill(process.pid, signal);
      // The first process of a container is not ended by a signal.
      process.exit(INTERRUPTED_STATUS);
    }
    process.stderr.write(`\n${stopping}; Ctrl-C again stops at once.\n`);
    interrupt.abort(new InterruptedError("Stopped."));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const name = namedCommand(args);
    // Loaded when it is asked for: `--version` and `--help` wait for no command's libraries.
    const tellsOfAll = name === "complete" || (name === "schema" && args.includes(CONFIG_FILE));
    // The command of completion shortens what the others say of themselves: it is added for its own sake alone.
    const wanted = COMMAND_NAMES.filter((each) => each === name || (tellsOfAll && each !== "complete"));
    const loaded = new Map<CommandName, AddCommand>();
    for (const each of wanted) loaded.set(each, await loadCommand(each, args));
    const world = name && (await import("./context.js"));
    const entry: CommandEntry | undefined = name && COMMANDS[name];
    stopping = entry?.stopping ?? STOPPING;
    const program = createProgram();
    for (const each of COMMAND_NAMES) {
      const add = loaded.get(each);
      if (!add) describeCommand(program, each);
      else {
        add(program, ({ json, ...more }) => {
          context = world!.processContext(withOptions(args, more), json, interrupt.signal);
          return context;
        });
      }
    }
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    context?.progress.stop();
    const { sentence, exitCode } = failureOf(error, args.includes("--verbose"));
    if (sentence !== "") process.stderr.write(`${NAME}: ${sentence}\n`);
    process.exitCode = exitCode;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** The command that the words ask for, or for whose help; undefined for the program's own help, and for one that is not there. */
function namedCommand(args: readonly string[]): CommandName | undefined {
  const [first, second] = args.filter((word) => !word.startsWith("-"));
  const word = first === "help" ? second : first;
  return COMMAND_NAMES.find((name) => name === word);
}

/** Adds a command that is not called, as far as the program's help tells of it. */
function describeCommand(program: Command, name: CommandName): void {
  const { usage, summary } = COMMANDS[name];
  program.command(usage).summary(summary);
}

function createProgram(): Command {
  const program = new Command(NAME);
  program
    .description("Make a language model better with nothing but itself: self-improvement by sharpening.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, `${NAME}: `)),
    })
    .configureHelp(helpLayout(helpWidth()))
    .showSuggestionAfterError(true);
  program.addHelpText(
    "after",
    examplesInHelp(
      [
        ["sharpen game24", "the whole job on the embedded model"],
        ['answer "4 9 10 13 = 24 :"', "the best of 50 responses"],
        ["sharpen --help", "every option and its default"],
      ],
      helpWidth(),
    ),
  );
  return program;
}
