import { Command } from "commander";
import { InterruptedError } from "../core/errors.js";
import { runVersions } from "../run/manifest.js";
import { answerCommand } from "./commands/answer.js";
import { evaluateCommand } from "./commands/evaluate.js";
import { exportCommand } from "./commands/export.js";
import { modelsCommand } from "./commands/models.js";
import { reportCommand } from "./commands/report.js";
import { reproduceAmortizedCommand } from "./commands/reproduce-amortized.js";
import { reproduceInferenceCommand } from "./commands/reproduce-inference.js";
import { sampleCommand } from "./commands/sample.js";
import { sharpenCommand } from "./commands/sharpen.js";
import { theoryCommand } from "./commands/theory.js";
import { trainCommands } from "./commands/train.js";
import { processContext, type Context } from "./context.js";
import { failureOf, INTERRUPTED_STATUS } from "./errors.js";

/** How everything that is printed about an error begins. */
const NAME = "whetstone";

/** Runs the command line and sets the process's exit code; prints one sentence for whatever goes wrong. */
export async function runProgram(args: readonly string[]): Promise<void> {
  let context: Context | undefined;
  const interrupt = new AbortController();
  // A pipe that is closed early (`| head`) is no error of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const onSignal = (): void => {
    context?.progress.stop();
    if (interrupt.signal.aborted) process.exit(INTERRUPTED_STATUS);
    process.stderr.write("\nStopping when the record at hand is written; Ctrl-C again stops at once.\n");
    interrupt.abort(new InterruptedError("Stopped."));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const contextOf = (json: boolean): Context => (context = processContext(args, json, interrupt.signal));
    await createProgram(contextOf).parseAsync([...args], { from: "user" });
  } catch (error) {
    context?.progress.stop();
    const { sentence, exitCode } = failureOf(error, args.includes("--verbose"));
    if (sentence !== "") process.stderr.write(`${NAME}: ${sentence}\n`);
    process.exitCode = exitCode;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function createProgram(contextOf: (json: boolean) => Context): Command {
  const program = new Command(NAME);
  program
    .description("Make a language model better with nothing but itself: self-improvement by sharpening.")
    .version(runVersions().whetstone)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, `${NAME}: `)),
    })
    .configureHelp({ helpWidth: Math.min(process.stdout.columns || 100, 120) })
    .showSuggestionAfterError(true);
  sharpenCommand(program, contextOf);
  answerCommand(program, contextOf);
  sampleCommand(program, contextOf);
  evaluateCommand(program, contextOf);
  const train = program.command("train").description("train an adapter on a run");
  for (const addCommand of trainCommands) addCommand(train, contextOf);
  reportCommand(program, contextOf);
  exportCommand(program, contextOf);
  modelsCommand(program, contextOf);
  theoryCommand(program, contextOf);
  const reproduce = program.command("reproduce").description("the paper's experiments, as one page");
  reproduceInferenceCommand(reproduce, contextOf);
  reproduceAmortizedCommand(reproduce, contextOf);
  program.addHelpText(
    "after",
    [
      "",
      "Examples:",
      "  whetstone sharpen game24               # the whole job on the embedded model",
      '  whetstone answer "4 9 10 13 = 24 :"    # the best of 50 responses',
      "  whetstone sharpen --help               # every option, with where its default comes from",
    ].join("\n"),
  );
  return program;
}
