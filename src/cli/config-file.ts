import { readFileSync, statSync } from "node:fs";
import { DataError, UsageError } from "../core/errors.js";
import { duplicateKey } from "../core/duplicate-key.js";
import { isTooDeep } from "../core/json-depth.js";
import { reasonOf } from "../core/json-file.js";
import { unknownName } from "../core/names.js";
import { CONFIG_FILE } from "./defaults.js";

/** The section of options for whatever command takes them. */
export const ALL = "all";
/** An editor's help, which says nothing to us. */
export const SCHEMA_KEY = "$schema";
const LARGEST = 1 << 20;

/** Options of a command by the names of their flags, without the dashes. */
export type Section = Readonly<Record<string, unknown>>;

/** What a configuration says. */
export interface Config {
  readonly path: string;
  /** Whether somebody named it, or it lay in the working folder. */
  readonly named: boolean;
  /** By command: `sharpen`, `train`, `train dpo`, `all`. */
  readonly sections: Readonly<Record<string, Section>>;
}

/**
 * The configuration that is named, or that the working folder has; undefined where there is none.
 * @throws UsageError where the named one is not there; DataError where it is not a JSON object of objects.
 */
export function readConfig(named?: string): Config | undefined {
  const path = named ?? CONFIG_FILE;
  const size = statSync(path, { throwIfNoEntry: false });
  if (size === undefined && named === undefined) return undefined;
  if (size === undefined) throw new UsageError(`There is no file ${path} to take options from.`);
  if (!size.isFile() || size.size > LARGEST)
    throw new DataError(`${path} is no file of options: it must be a JSON file of at most 1 MB.`);
  const content = parsed(path);
  if (!isObject(content))
    throw new DataError(`${path} must be a JSON object, with an object of options for each command.`);
  const { [SCHEMA_KEY]: _, ...sections } = content;
  for (const [name, section] of Object.entries(sections)) {
    if (!isObject(section))
      throw new DataError(
        `${path}: "${name}" must be an object of options, such as {"${ALL}": {"model": "./my-model.gguf"}}.`,
      );
  }
  return { path, named: named !== undefined, sections: sections as Config["sections"] };
}

function parsed(path: string): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    throw new DataError(`${path} cannot be read: ${reasonOf(cause)}.`, { cause });
  }
  if (isTooDeep(text)) throw new DataError(`${path} is nested too deep for a file of options.`);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path} is not JSON: ${reasonOf(cause)}.`, { cause });
  }
  const twice = duplicateKey(text);
  if (twice === undefined) return content;
  throw new DataError(`${path} has "${twice}" twice in one object; keep one.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The texts of an option's value, one each time that it would be given; none where a flag is off.
 * @param where names the value, for errors. @throws UsageError for a value of another kind than the option's.
 */
export function textsOf(value: unknown, takesValue: boolean, where: string): readonly string[] {
  if (!takesValue) {
    if (typeof value === "boolean") return value ? [""] : [];
    throw new UsageError(`${where} must be true or false: it is an option without a value.`);
  }
  const several = Array.isArray(value) ? (value as unknown[]) : [value];
  return several.map((each) => {
    if (typeof each === "string") return each;
    if (typeof each === "number" && Number.isFinite(each)) return String(each);
    throw new UsageError(`${where} must be a text or a number, not ${JSON.stringify(each)}.`);
  });
}

/**
 * The sections of a configuration that hold for a command, the most particular last.
 * @param command its words: `["train", "dpo"]`. @param commands the names of all sections that there may be.
 * @throws UsageError for a section of no command, with the nearest name.
 */
export function sectionsOf(
  { path, sections }: Config,
  command: readonly string[],
  commands: readonly string[],
): readonly string[] {
  for (const name of Object.keys(sections)) {
    if (commands.includes(name)) continue;
    const { message } = unknownName("command", name, commands);
    throw new UsageError(`${path}: ${message}`, { where: name });
  }
  const names = [ALL, ...command.map((_, at) => command.slice(0, at + 1).join(" "))];
  return names.filter((name) => Object.hasOwn(sections, name));
}
