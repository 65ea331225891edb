import { z } from "zod";
import { unknownName } from "../../core/names.js";
import { PUBLISHED } from "./published.js";

type PublishedName = keyof typeof PUBLISHED;

/** The names of the forms. */
export const schemaNames: readonly string[] = Object.keys(PUBLISHED);

/** What a form is, in a sentence. @throws UsageError listing the names, if there is none. */
export function schemaTitle(name: string): string {
  return formNamed(name).title;
}

/** The same as JSON Schema, draft 2020-12. @throws as `schemaTitle`. */
export function jsonSchema(name: string): object {
  const { title, schema } = formNamed(name);
  const { $schema, ...rest } = z.toJSONSchema(schema);
  return { $schema, title, ...rest };
}

function formNamed(name: string): (typeof PUBLISHED)[PublishedName] {
  if (Object.hasOwn(PUBLISHED, name)) return PUBLISHED[name as PublishedName];
  throw unknownName("schema", name, schemaNames);
}
