import type { Command, Option } from "commander";
import { UsageError } from "../core/errors.js";
import { unknownName } from "../core/names.js";
import { isModulePath } from "../core/own-module.js";
import { methods } from "../sharpen/methods/registry.js";
import { COMMANDS } from "./commands/table.js";
import { ALL, readConfig, sectionsOf, textsOf, type Config } from "./config-file.js";
import { methodOptions } from "./method-options.js";
import { OPTIONS } from "./options.js";

/** Options that no file says: it would name itself, or agree in a person's place. */
const UNSAID = ["config", "yes"];
/** What a file that only lies in the working folder may not say, because it sends keys and prompts away or opens a port. */
const ASKED_FOR = ["base-url", "ca", "api-key-file", "host", "allow-origin", "allow-host", "trainer"];
/** Options whose value is a program; that of any other may be a module of one's own. */
const PROGRAMS = ["trainer-python"];
/** Commands without options. */
const WITHOUT = ["schema", "complete"];
/** Options that the command's own words say, too: they go first. */
const SAID_BY_WORDS: Readonly<Record<string, string>> = { task: "[task]", file: "[prompt...]" };

/** The sections that a configuration may have. */
export const SECTIONS: readonly string[] = [
  ALL,
  ...Object.keys(COMMANDS).filter((name) => !WITHOUT.includes(name)),
  ...Object.keys(methods).map((name) => `train ${name}`),
  ...["inference", "amortized"].map((name) => `reproduce ${name}`),
];

/** The names of a flag, without the dashes: `methods`, `method`. */
export function namesOf({ long, short }: Pick<Option, "long" | "short">): readonly string[] {
  return [long, short].flatMap((each) => (each?.startsWith("--") ? [each.slice(2)] : []));
}

/** Whether a configuration may hold an option. */
export function canBeSaid(option: Pick<Option, "long" | "short">): boolean {
  return !namesOf(option).some((name) => UNSAID.includes(name));
}

const everyName: readonly string[] = [
  ...Object.values({ ...OPTIONS, ...methodOptions(Object.values(methods)) }),
]
  .flatMap(({ flags }) => [...flags.matchAll(/--([\w-]+)/g)].map((match) => match[1]!))
  .filter((name) => !UNSAID.includes(name));

/** Options that a configuration has given to a command. */
interface Said {
  readonly path: string;
  /** As words of a command line. */
  readonly words: readonly string[];
}

/**
 * Gives a parsed command what its configuration says and its own words do not.
 * @returns undefined where there is no configuration, or nothing in it for this command.
 * @throws as `readConfig` and `sectionsOf`; UsageError for an option that the command does not take, with the nearest name, and for a
 * value that the option does not take.
 */
export function configure(command: Command): Said | undefined {
  const config = readConfig(command.opts<{ config?: string }>().config);
  if (config === undefined) return undefined;
  const path = pathOf(command);
  const found = new Map<
    string,
    { readonly option: Option; readonly texts: readonly string[]; readonly where: string }
  >();
  for (const name of sectionsOf(config, path, SECTIONS)) {
    const own = name === path.join(" ");
    for (const [key, value] of Object.entries(config.sections[name]!)) {
      const where = `${config.path}, ${name}: "${key}"`;
      const option = optionOf(command, key, own, `${config.path}, ${name}`);
      if (option === undefined) continue;
      const texts = textsOf(value, takesValue(option), where);
      checkAskedFor(config, option, texts, where);
      found.set(option.attributeName(), { option, texts, where });
    }
  }
  const words: string[] = [];
  for (const [attribute, { option, texts, where }] of found) {
    if (isSaid(command, option, attribute)) continue;
    for (const text of texts) words.push(...wordsOf(option, text));
    give(command, option, texts, where);
  }
  return words.length === 0 ? undefined : { path: config.path, words };
}

/** The words that call a command, without the program's. */
export function pathOf(command: Command): readonly string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : [];
}

const takesValue = ({ required, optional }: Option): boolean => required || optional;

/** @param own whether the section is this very command's: there every name has to be an option of it. */
function optionOf(command: Command, key: string, own: boolean, where: string): Option | undefined {
  const taken = command.options.filter(canBeSaid);
  const option = taken.find((each) => namesOf(each).includes(key));
  if (option !== undefined || (!own && everyName.includes(key))) return option;
  const known = own ? taken.flatMap(namesOf) : everyName;
  const { message } = unknownName("option", key, [...new Set(known)].sort());
  throw new UsageError(`${where}: ${message}`, { where: key });
}

function checkAskedFor(
  { path, named }: Config,
  option: Option,
  texts: readonly string[],
  where: string,
): void {
  if (named) return;
  const names = namesOf(option);
  const runs = names.some((name) => PROGRAMS.includes(name)) || texts.some(isProgram);
  if (!runs && !names.some((name) => ASKED_FOR.includes(name))) return;
  throw new UsageError(
    `${where} ${runs ? "runs a program of its own" : "says where prompts and keys go"}, which a file does only where you name it: add --config ${path}.`,
  );
}

function isProgram(text: string): boolean {
  return text.split(",").some((word) => isModulePath(word.trim()) && /\.m?js$/i.test(word.trim()));
}

function isSaid(command: Command, option: Option, attribute: string): boolean {
  if (command.getOptionValueSource(attribute) === "cli") return true;
  const argument = SAID_BY_WORDS[option.long?.slice(2) ?? ""];
  const given = (command.processedArgs as unknown[]).flat().some((word) => word !== undefined);
  return argument !== undefined && given && command.usage().includes(argument);
}

function wordsOf(option: Option, text: string): readonly string[] {
  const flag = option.long!;
  if (!takesValue(option)) return [flag];
  return text.startsWith("-") ? [`${flag}=${text}`] : [flag, text];
}

function give(command: Command, option: Option, texts: readonly string[], where: string): void {
  const attribute = option.attributeName();
  let value: unknown;
  try {
    for (const text of texts) {
      if (!takesValue(option)) value = !option.negate;
      else value = option.parseArg ? option.parseArg(text, value) : text;
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${where}: ${error.message}`, { cause: error });
  }
  if (texts.length > 0) command.setOptionValueWithSource(attribute, value, "config");
}
