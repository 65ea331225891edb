/**
 * `npm run docs:json`: writes the schemas of what is written for programs into docs/json, one file each, from those in src/cli/schemas.
 * A test says so where they are not current.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import prettier from "prettier";
import { jsonSchema, schemaNames } from "../dist/cli/schemas/registry.js";
import { everyCommand } from "./lib/commands.mjs";
import { isMain } from "./lib/report.mjs";

/** @param {string} folder */
async function writeSchemas(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith(".schema.json")) rmSync(join(folder, name));
  const program = await everyCommand();
  for (const name of schemaNames) {
    const path = join(folder, `${name}.schema.json`);
    const options = await prettier.resolveConfig(path);
    writeFileSync(
      path,
      await prettier.format(JSON.stringify(jsonSchema(name, program)), { ...options, parser: "json" }),
    );
  }
  return schemaNames.length;
}

if (isMain(import.meta.url)) {
  const folder = join(import.meta.dirname, "..", "docs", "json");
  console.log(`${await writeSchemas(folder)} schemas in ${folder}`);
}
