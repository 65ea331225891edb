import type { Command } from "commander";
import type { DescribedOption } from "./command.js";
import { ALL, SCHEMA_KEY } from "./config-file.js";
import { canBeSaid, namesOf, pathOf, SECTIONS } from "./configure.js";

/** The commands that do something, below a program with all of them. */
export function leaves(command: Command): readonly Command[] {
  return command.commands.flatMap((each) => (each.commands.length > 0 ? leaves(each) : [each]));
}

/**
 * The schema of whetstone.config.json, made of what the commands parse.
 * @param program with every command.
 */
export function configSchema(program: Command): object {
  const own = leaves(program).map((command) => [pathOf(command).join(" "), optionsOf(command)] as const);
  const sections = SECTIONS.map((name) => {
    const under = own.filter(([path]) => name === ALL || path === name || path.startsWith(`${name} `));
    const exact = under.length === 1 && under[0]![0] === name;
    const whose = name === ALL ? "every command that takes them" : `\`whetstone ${name}\``;
    return [
      name,
      {
        description: `Options of ${whose}${exact || name === ALL ? "" : ", each command below it"}.`,
        type: "object",
        properties: Object.assign({}, ...under.map(([, options]) => options)) as object,
        additionalProperties: false,
      },
    ];
  });
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "whetstone.config.json: options by command, under the names of their flags.",
    type: "object",
    properties: { [SCHEMA_KEY]: { type: "string" }, ...(Object.fromEntries(sections) as object) },
    additionalProperties: false,
  };
}

function optionsOf(command: Command): Readonly<Record<string, object>> {
  const options: readonly DescribedOption[] = command.options.filter(canBeSaid);
  return Object.fromEntries(
    options.flatMap((option) =>
      namesOf(option).map((name) => [name, { description: option.description, ...formOf(option) }]),
    ),
  );
}

function formOf({ required, optional, takes }: DescribedOption): object {
  if (!required && !optional) return { type: "boolean" };
  return takes ?? { type: "string" };
}
