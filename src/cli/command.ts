import type { Command } from "commander";
import { Option } from "commander";
import { configure, pathOf } from "./configure.js";
import { shellWords, type Configured } from "./command-line.js";
import type { CommandEntry } from "./commands/table.js";
import type { Context } from "./context.js";
import { fetchNamed } from "./fetch-named.js";
import { HEADINGS, inGroups } from "./help-groups.js";
import { examplesInHelp, helpWidth } from "./help-layout.js";
import type { MethodOptionSpecs } from "./method-options.js";
import type { OptionSpec } from "./option-spec.js";
import { OPTIONS, type OptionName, type Values } from "./options.js";

/** A command: what `--help` says of it, the options that it takes, and what it does. */
export interface CommandSpec<K extends OptionName> extends CommandEntry {
  /** The word that calls it, where that is a path: `usage` then says another. */
  readonly word?: string;
  /** More than one sentence, where that helps. */
  readonly details?: string;
  readonly options: readonly K[];
  /** Options beside those of the table; their values stand among the others under these names. */
  readonly own?: MethodOptionSpecs;
  /** Command lines after the program's name, each with what it does. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** @param words the arguments, absent ones undefined; where the usage takes several, all of them. */
  run(words: readonly (string | undefined)[], values: Values<K | "json">, context: Context): Promise<void>;
}

/** What a context is made of, once the options are known. */
export interface Parsed extends Configured {
  readonly json: boolean;
}

/** Adds a command to its parent; `context` is made once the options are known. */
export type AddCommand = (parent: Command, contextOf: (parsed: Parsed) => Context) => void;

/** What adds a command to a parent: parsing and help come from the table of options alone. */
export function defineCommand<K extends OptionName>(spec: CommandSpec<K>): AddCommand {
  return (parent, contextOf) => {
    const command = parent.command(spec.usage).summary(spec.summary);
    if (spec.word !== undefined) command.name(spec.word);
    command.description(spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`);
    const placed = inGroups(spec.options);
    const own = Object.values(spec.own ?? {});
    const grouped = placed.some(({ heading }) => heading !== undefined);
    const last = placed.filter(({ heading }) => heading === HEADINGS.rest);
    for (const { name, heading } of placed.slice(0, placed.length - last.length))
      command.addOption(toOption(OPTIONS[name], heading));
    for (const option of own) command.addOption(toOption(option, grouped ? HEADINGS.own : undefined));
    for (const { name, heading } of last) command.addOption(toOption(OPTIONS[name], heading));
    const help = new Option("-h, --help", "show this help");
    command.addHelpOption(grouped ? help.helpGroup(HEADINGS.rest) : help);
    command.addHelpText("after", examplesInHelp(spec.examples, helpWidth()));
    command.action(async () => {
      const said = configure(command);
      const values = command.opts<Values<K | "json">>();
      const context = contextOf({
        json: values.json === true,
        configured: said?.words ?? [],
        depth: pathOf(command).length,
      });
      if (said) context.note(`Using ${said.path}: ${shellWords(said.words)}`);
      await fetchNamed(command.opts<Values<"model">>().model, context);
      await spec.run((command.processedArgs as (string | undefined | string[])[]).flat(), values, context);
    });
  };
}

/** An option that says what a configuration may hold for it. */
export interface DescribedOption extends Option {
  takes?: object;
}

function toOption({ flags, description, parse, otherwise }: OptionSpec<unknown>, heading?: string): Option {
  const suffix = otherwise === undefined ? "" : ` (default: ${otherwise})`;
  const option: DescribedOption = new Option(flags, description + suffix);
  if (parse?.takes) option.takes = parse.takes;
  if (heading !== undefined) option.helpGroup(heading);
  if (parse === undefined) return option;
  const name = option.long ?? flags;
  return option.argParser((text: string, previous: unknown) => parse(text, name, previous));
}
