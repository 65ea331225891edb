import { defineCommand, type AddCommand } from "../command.js";
import { jsonSchema, schemaNames, schemaTitle } from "../schemas/registry.js";
import { COMMANDS } from "./table.js";

/** `whetstone schema [name]`: the forms of what is written for programs, and of the file of options. */
export const schemaCommand: AddCommand = (parent, contextOf) =>
  defineCommand({
    ...COMMANDS.schema,
    details: "Without a name it lists them. A schema is JSON Schema, draft 2020-12.",
    options: [],
    examples: [
      ["schema", "every schema, with what it is of"],
      ["schema answer > answer.schema.json", "what `answer --json` ends with"],
    ],
    run: ([name], _values, context) => {
      if (name === undefined) {
        const width = Math.max(...schemaNames.map(({ length }) => length));
        context.say(schemaNames.map((each) => `${each.padEnd(width)}  ${schemaTitle(each)}`).join("\n"));
        context.result({ schemas: schemaNames });
      } else {
        const schema = jsonSchema(name, parent);
        context.say(JSON.stringify(schema, undefined, 2));
        context.result(schema);
      }
      return Promise.resolve();
    },
  })(parent, contextOf);
