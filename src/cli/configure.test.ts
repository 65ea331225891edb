import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, expect, it } from "vitest";
import { withOptions } from "./command-line.js";
import { defineCommand, type Parsed } from "./command.js";
import { CONFIG_FILE } from "./defaults.js";
import { keepingContext } from "./context.test-helper.js";

const folder = mkdtempSync(join(tmpdir(), "whetstone-config-"));
const before = process.cwd();
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

/** Writes a configuration and parses a command line of a small command under it. */
async function parse(
  config: unknown,
  words: readonly string[],
  path: string = CONFIG_FILE,
): Promise<{ readonly values: object; readonly noted: readonly string[]; readonly args: readonly string[] }> {
  writeFileSync(join(folder, path), typeof config === "string" ? config : JSON.stringify(config));
  const context = keepingContext();
  let values: object = {};
  let parsed: Parsed | undefined;
  const program = new Command("whetstone").exitOverride().configureOutput({ writeErr: () => undefined });
  const add = defineCommand({
    usage: "sample [task]",
    summary: "draw",
    options: [
      "model",
      "task",
      "n",
      "temperature",
      "reward",
      "stop",
      "skipLong",
      "amortize",
      "noAmortize",
      "baseUrl",
      "trainer",
      "trainerPython",
      "tasks",
    ],
    examples: [["sample", "draws"]],
    run: (_words, given) => {
      values = given;
      return Promise.resolve();
    },
  });
  add(program, (told) => {
    parsed = told;
    return context;
  });
  try {
    await program.parseAsync(["sample", ...words], { from: "user" });
    const { config: _, ...rest } = values as Record<string, unknown>;
    return { values: rest, noted: context.noted, args: withOptions(["sample", ...words], parsed!) };
  } finally {
    rmSync(join(folder, path));
  }
}

it("gives a command what the file says for it, and what it says for all that the command takes", async () => {
  const config = {
    $schema: "./x.json",
    all: { temperature: 0.5, threads: 2, n: 3 },
    sample: { n: 8, "skip-long": true, stop: ["\\n", "END"], "no-amortize": true },
    sharpen: { n: 99 },
  };
  const { values, noted } = await parse(config, []);
  expect(values).toEqual({ n: 8, temperature: 0.5, skipLong: true, stop: ["\n", "END"], amortize: false });
  expect(noted).toEqual([
    `Using ${CONFIG_FILE}: --temperature 0.5 --n 8 --skip-long --stop '\\n' --stop END --no-amortize`,
  ]);
});

it("the command line goes first, its task too, and the words that are told after it say the whole", async () => {
  const config = { sample: { n: 8, task: "gsm8k", model: "-odd", "skip-long": false } };
  const { values, args } = await parse(config, ["game24", "-n", "2"]);
  expect(values).toEqual({ n: 2, model: "-odd" });
  expect(args).toEqual(["sample", "--model=-odd", "game24", "-n", "2"]);
  expect((await parse(config, [])).values).toMatchObject({ n: 8, task: "gsm8k" });
});

it("says nothing, and notes nothing, where no section is for the command", async () => {
  expect(await parse({ answer: { n: 4 } }, ["-n", "2"])).toMatchObject({ values: { n: 2 }, noted: [] });
});

it.each([
  ["{", /is not JSON/],
  ["[]", /must be a JSON object/],
  ['{"sample": {"n": 1, "n": 2}}', /has "n" twice/],
  [{ sample: 3 }, /"sample" must be an object/],
  [{ smaple: {} }, /no command "smaple" \(did you mean sample\?\)/],
  [{ sample: { tempratur: 1 } }, /sample: There is no option "tempratur" \(did you mean temperature\?\)/],
  [{ all: { tempratur: 1 } }, /all: There is no option "tempratur"/],
  [{ sample: { epochs: 1 } }, /There is no option "epochs"/],
  [{ sample: { n: "many" } }, /sample: "n": --n must be a whole number of at least 1/],
  [{ sample: { n: null } }, /must be a text or a number, not null/],
  [{ sample: { "skip-long": "yes" } }, /must be true or false/],
  [{ sample: { config: "x" } }, /no option "config"/],
  [
    { sample: { "base-url": "http://x/v1" } },
    /says where prompts and keys go.*--config whetstone\.config\.json/,
  ],
  [{ sample: { reward: "majority,./mine.js" } }, /runs a program of its own/],
  [{ sample: { tasks: "game24,./mine.js" } }, /runs a program of its own/],
  [{ all: { trainer: "tinker+http://x" } }, /says where prompts and keys go/],
  [{ all: { "trainer-python": "./mine" } }, /runs a program of its own/],
])("refuses %j", async (config, sentence) => {
  await expect(parse(config, [])).rejects.toThrow(sentence);
});

it("takes from a file that is named what it takes from no other", async () => {
  const config = { sample: { "base-url": "http://x/v1", reward: "./mine.js" } };
  const { values } = await parse(config, ["--config", "mine.json"], "mine.json");
  expect(values).toEqual({ baseUrl: "http://x/v1", reward: ["./mine.js"] });
  await expect(parse({}, ["--config", "none.json"])).rejects.toThrow("There is no file none.json");
});
