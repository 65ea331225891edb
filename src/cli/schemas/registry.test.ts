import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { COMMANDS } from "../commands/table.js";
import { PUBLISHED } from "./published.js";
import { jsonSchema, schemaNames, schemaTitle } from "./registry.js";

const folder = join(import.meta.dirname, "..", "..", "..", "docs", "json");

it("the published schemas are those that the commands are held to", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".schema.json"));
  expect(files.sort()).toEqual(schemaNames.map((name) => `${name}.schema.json`).sort());
  for (const name of schemaNames) {
    const published: unknown = JSON.parse(readFileSync(join(folder, `${name}.schema.json`), "utf8"));
    expect(published, `docs/json is not current: npm run docs:json`).toEqual(jsonSchema(name));
  }
});

it("every command that ends with an object has one", () => {
  const silent = ["schema", "complete"];
  const commands = Object.keys(COMMANDS).filter((name) => !silent.includes(name));
  expect(schemaNames.filter((name) => !/\./.test(name)).sort()).toEqual(commands.sort());
  expect(schemaTitle("answer")).toContain("whetstone answer --json");
});

it("refuses what is missing, of another type or unknown", () => {
  const { schema } = PUBLISHED.export;
  const right = { adapter: "a", model: "m", target: "t", kind: "merged" };
  expect(schema.safeParse(right).success).toBe(true);
  for (const wrong of [
    { ...right, kind: "other" },
    { ...right, more: 1 },
    { ...right, model: undefined },
  ])
    expect(schema.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
});

it("names the nearest where there is no such schema", () => {
  expect(() => jsonSchema("anser")).toThrow(/answer/);
});
