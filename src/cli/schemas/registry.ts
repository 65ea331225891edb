import type { Command } from "commander";
import { z } from "zod";
import { unknownName } from "../../core/names.js";
import { CONFIG_FILE } from "../defaults.js";
import { configSchema } from "../config-schema.js";
import { PUBLISHED } from "./published.js";

/** The names of the forms. */
export const schemaNames: readonly string[] = [...Object.keys(PUBLISHED), CONFIG_FILE];

/** What a form is, in a sentence. */
export function schemaTitle(name: string): string {
  return name === CONFIG_FILE ? "The file of options." : formNamed(name).title;
}

/**
 * A form as JSON Schema, draft 2020-12.
 * @param program with every command; the file of options is made of them.
 * @throws UsageError listing the names, if there is none.
 */
export function jsonSchema(name: string, program: Command): object {
  if (name === CONFIG_FILE) return configSchema(program);
  const { title, schema } = formNamed(name);
  const { $schema, ...rest } = z.toJSONSchema(schema);
  return { $schema, title, ...rest };
}

function formNamed(name: string): (typeof PUBLISHED)[keyof typeof PUBLISHED] {
  if (Object.hasOwn(PUBLISHED, name)) return PUBLISHED[name as keyof typeof PUBLISHED];
  throw unknownName("schema", name, schemaNames);
}
