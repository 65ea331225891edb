/** The reference of the command line as Markdown, a page a command, from the tables that parse it. */
import { COMMANDS } from "../dist/cli/commands/table.js";
import { leaves } from "../dist/cli/config-schema.js";
import { pathOf } from "../dist/cli/configure.js";

/** @typedef {import("commander").Command} Command */

/** What Markdown would take for more than text. @param {string} text */
const plain = (text) => text.replaceAll("\n", " ").replaceAll("*", "\\*");
/** The same within a table. @param {string} text */
const cell = (text) => plain(text).replaceAll("|", "\\|");

/** Every option under its heading; a list, which phones show better than a table. @param {Command} command */
function optionLists(command) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const option of command.options) {
    const heading = (option.helpGroupHeading ?? "Options:").replace(/:$/, "");
    const item = `\`${option.flags}\`\\\n${plain(option.description)}`;
    groups.set(heading, [...(groups.get(heading) ?? []), item]);
  }
  return [...groups].map(([heading, items]) => [`## ${heading}`, ...items].join("\n\n"));
}

/** What stands behind the options in `--help`: the examples. @param {Command} command */
function examples(command) {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text
    .slice(text.indexOf("Examples:") + "Examples:".length)
    .trim()
    .replace(/^ {2}/gm, "");
}

/** @param {Command} command */
function pageOf(command) {
  const path = pathOf(command).join(" ");
  const usage = command.usage().replace("[options] ", "");
  return [
    `# ${path}`,
    command.description().split("\n\n").map(plain).join("\n\n"),
    ["```sh", `npx whetstone ${path} ${usage === "[options]" ? "" : usage}`.trim(), "```"].join("\n"),
    ...optionLists(command),
    ["## Examples", "", "```sh", examples(command), "```"].join("\n"),
  ].join("\n\n");
}

/**
 * Every page by its name, without its ending.
 * @param {Command} program with every command
 * @returns {Map<string, string>}
 */
export function cliPages(program) {
  const commands = leaves(program);
  const pages = new Map(commands.map((command) => [pathOf(command).join("-"), `${pageOf(command)}\n`]));
  const rows = commands.map((command) => {
    const words = pathOf(command);
    return `| [${words.join(" ")}](./${words.join("-")}.md) | ${cell(command.summary())} |`;
  });
  const complete = `| complete | ${cell(COMMANDS.complete.summary)} |`;
  pages.set("index", ["# Commands", "", "| command | |", "| --- | --- |", ...rows, complete, ""].join("\n"));
  return pages;
}
