import { Command } from "commander";
import { loadCommand } from "../../dist/cli/commands/load.js";
import { COMMANDS } from "../../dist/cli/commands/table.js";

/** A program with every command that has options of ours, as the compiled package parses them. */
export async function everyCommand() {
  const program = new Command("whetstone");
  for (const name of /** @type {(keyof typeof COMMANDS)[]} */ (Object.keys(COMMANDS))) {
    if (name === "complete") continue;
    const add = await loadCommand(name, []);
    add(program, () => {
      throw new Error("commands are only described here");
    });
  }
  return program;
}
