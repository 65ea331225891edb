import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { expect, it } from "vitest";
import { CONFIG_FILE } from "../defaults.js";
import { COMMANDS } from "../commands/table.js";
import { PUBLISHED } from "./published.js";
import { jsonSchema, schemaNames, schemaTitle } from "./registry.js";

const folder = join(import.meta.dirname, "..", "..", "..", "docs", "json");

it("the published schemas are those that the commands are held to", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".schema.json"));
  expect(files.sort()).toEqual(schemaNames.map((name) => `${name}.schema.json`).sort());
  // That of the file of options takes all commands: test/models/cli-schemas.test.ts.
  for (const name of schemaNames.filter((each) => each !== CONFIG_FILE)) {
    const published: unknown = JSON.parse(readFileSync(join(folder, `${name}.schema.json`), "utf8"));
    const current: unknown = JSON.parse(JSON.stringify(jsonSchema(name, new Command())));
    expect(published, "docs/json is not current: npm run docs:json").toEqual(current);
  }
});

it("every command that ends with an object has one", () => {
  const silent = ["schema", "complete"];
  const commands = Object.keys(COMMANDS).filter((name) => !silent.includes(name));
  expect(schemaNames.filter((name) => !name.includes(".")).sort()).toEqual(commands.sort());
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
  expect(() => jsonSchema("anser", new Command())).toThrow(/answer/);
});

it("the schema of the file of options has those of every command, and what each takes", () => {
  const text = readFileSync(join(folder, "whetstone.config.json.schema.json"), "utf8");
  const { properties } = JSON.parse(text) as {
    properties: Record<string, { properties: Record<string, object> }>;
  };
  expect(Object.keys(properties)).toEqual(expect.arrayContaining(["all", "sharpen", "train dpo", "answer"]));
  const { sharpen, train } = {
    sharpen: properties["sharpen"]!.properties,
    train: properties["train"]!.properties,
  };
  expect(sharpen["n"]).toMatchObject({ type: "integer", minimum: 1 });
  expect(sharpen["skip-long"]).toMatchObject({ type: "boolean" });
  expect(sharpen["reward"]).toMatchObject({ type: ["string", "array"] });
  expect(sharpen["method"]).toEqual(sharpen["methods"]);
  expect(train["beta"]).toMatchObject({ type: "number" });
  expect(sharpen).not.toHaveProperty("config");
});
