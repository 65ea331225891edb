import { Command } from "commander";
import { loadCommand } from "./commands/load.js";
import { COMMANDS, type CommandName } from "./commands/table.js";
import { keepingContext } from "./context.test-helper.js";

/** A program with every command that has options of ours. */
export async function everyCommand(): Promise<Command> {
  const program = new Command("whetstone").exitOverride();
  for (const name of Object.keys(COMMANDS) as CommandName[])
    if (name !== "complete") (await loadCommand(name, []))(program, () => keepingContext());
  return program;
}
