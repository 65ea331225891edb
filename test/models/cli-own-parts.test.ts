import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { game24 } from "../../src/task/game24/game24.js";
import { commandLine, type CommandLine, type Ended } from "../support/cli.js";

let cli: CommandLine;
const write = (name: string, text: string): void => writeFileSync(join(cli.folder, name), text);
const read = (name: string): string => readFileSync(join(cli.folder, name), "utf8");
const sha256 = (name: string): string => createHash("sha256").update(read(name)).digest("hex");
const records = (name: string): Record<string, unknown>[] =>
  read(name)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const puzzles = game24().prompts("test").slice(0, 12);

/** Puzzles of four numbers; right is what ends in 24. */
const TASK = `
const prompts = ${JSON.stringify(puzzles.map(({ text }, i) => ({ id: `mine-${i}`, text })))};
const extract = (text) => /= (\\d+)$/.exec(text)?.[1];
export default {
  name: "endings",
  digest: "1",
  maxTokens: 18,
  prompts: (split) => ({ test: prompts.slice(0, 4), train: prompts.slice(4, 10), validation: prompts.slice(10) })[split],
  extract,
  grade: (id, text) => extract(text) === "24",
};
`;
/** Throws while a file named broken.txt says so. */
const REWARD = `
import { readFileSync } from "node:fs";
const broken = new URL("broken.txt", import.meta.url);
export default {
  name: "fewest-sevens",
  description: "how few sevens a response has",
  needs: [],
  score: async ({ responses }) => {
    if (readFileSync(broken, "utf8") === "yes") throw new RangeError("out of sevens");
    return responses.map(({ text }) => -text.split("7").length);
  },
};
`;
/** Any answer is right that has as many digits as the label. */
const GRADER = `
export default {
  name: "digits",
  description: "as many digits as the answer has",
  version: 1,
  extract: (text) => String(text.replace(/\\D/g, "").length),
  label: (answer) => ({ text: String(answer.length) }),
  agrees: (label, text) => String(text.replace(/\\D/g, "").length) === label.text,
  expects: "digits",
  grades: true,
};
`;
const SMALL = [
  "-n",
  "3",
  "--epochs",
  "1",
  "--rank",
  "1",
  "--target-modules",
  "q_proj",
  "--curve-samples",
  "0",
];
const JOB = ["sharpen", "--task", "./endings.mjs", "--model", "game24", "--reward", "majority,./sevens.js"];

beforeAll(() => {
  cli = commandLine();
  write("endings.mjs", TASK);
  write("package.json", '{ "type": "module" }');
  write("sevens.js", REWARD);
  write("broken.txt", "yes");
  write("digits.mjs", GRADER);
  write(
    "prompts.jsonl",
    puzzles
      .slice(0, 3)
      .map(({ text }) => `${JSON.stringify({ prompt: text, answer: "1234567890" })}\n`)
      .join(""),
  );
}, 120_000);
afterAll(() => cli.remove());

describe("a task and a self-reward of one's own", () => {
  const words = [...JOB, "--amortize", "./sevens.js", ...SMALL, "--run", "own"];

  it("that throws is named, and the run goes on once it does not", async () => {
    const { status, stderr } = await cli.run(words);
    expect(status).toBe(1);
    expect(stderr).toMatch(/whetstone: \.\/sevens\.js threw in score: RangeError: out of sevens\.\n$/);
    const drawn = read("own/responses.jsonl");
    expect(drawn.trimEnd().split("\n")).toHaveLength(4 * 3);
    write("broken.txt", "no");
    const result = await cli.json([...words, "--resume"]);
    expect(read("own/responses.jsonl")).toBe(drawn);
    expect(Object.keys(result["bestOfN"] as object)).toEqual(["majority", "fewest-sevens"]);
    const right = records("own/responses.jsonl").filter(({ text }) => String(text).endsWith("= 24")).length;
    expect(result).toMatchObject({ prompts: 4, sft: { trainingPrompts: 6 } });
    const { base } = result as { base: { accuracy: { value: number } } };
    expect(base.accuracy.value).toBeCloseTo(right / 12, 12);
  }, 60_000);

  it("are in the manifest with the digests of their files", () => {
    const manifest = JSON.parse(read("own/manifest.json")) as Record<string, unknown>;
    const module = { path: join(cli.folder, "sevens.js"), digest: sha256("sevens.js") };
    expect(manifest).toMatchObject({
      task: { name: "endings", module: { digest: sha256("endings.mjs") } },
      rewards: [{ name: "majority" }, { name: "fewest-sevens", module }],
      amortize: { reward: { name: "fewest-sevens", module } },
    });
    const chosen = records("own/selections.jsonl").filter(({ reward }) => reward === "fewest-sevens");
    expect(chosen).toHaveLength(4);
    const responses = records("own/responses.jsonl");
    for (const { promptId, scores } of chosen) {
      const own = responses.filter((response) => response["promptId"] === promptId);
      expect(scores).toEqual(own.map(({ text }) => -String(text).split("7").length));
    }
  });

  it("are found again by evaluate and report", async () => {
    const metrics = await cli.json(["evaluate", "own"]);
    expect(Object.keys(metrics["bestOfN"] as object)).toEqual(["majority", "fewest-sevens"]);
    await cli.json(["report", "own"]);
    expect(read("own/report.html")).toContain("fewest-sevens");
  }, 60_000);

  it("that have changed are refused, in one sentence", async () => {
    write("sevens.js", `${REWARD}// changed\n`);
    const resumed = await cli.run([...words, "--resume"]);
    expect(resumed.stderr).toMatch(
      /own was made with .*sevens\.js as it was, and that file has changed since; resume/,
    );
    write("endings.mjs", `${TASK}// changed\n`);
    const [evaluated, given, task] = await cli.runInTurn([
      ["evaluate", "own", "--task", "./endings.mjs"],
      ["evaluate", "own", "--reward", "./sevens.js"],
      ["report", "own"],
    ]);
    for (const { stderr } of [evaluated!, task!])
      expect(stderr).toMatch(
        /(sevens\.js|endings\.mjs) has changed since own was made with it: restore it, or start/,
      );
    write("endings.mjs", TASK);
    expect(given!.status).not.toBe(0);
    const other = await cli.run(["evaluate", "own", "--reward", "./sevens.js"]);
    expect(other.stderr).toMatch(
      /own has scores of fewest-sevens from another version of its module: restore it/,
    );
    write("sevens.js", REWARD);
  }, 60_000);
});

it("a grader of one's own grades a user's file, in sample and in evaluate", async () => {
  await cli.json([
    "sample",
    "--task",
    "prompts.jsonl",
    "--model",
    "game24",
    "--grader",
    "./digits.mjs",
    "-n",
    "2",
    "--max-tokens",
    "18",
    "--run",
    "graded",
  ]);
  const result = await cli.json(["evaluate", "graded"]);
  const digits = (text: unknown): number => String(text).replace(/\D/g, "").length;
  const responses = records("graded/responses.jsonl");
  const right = responses.filter(({ text }) => digits(text) === 10).length / responses.length;
  expect((result as { base: { accuracy: { value: number } } }).base.accuracy.value).toBeCloseTo(right, 12);
  const { task } = JSON.parse(read("graded/manifest.json")) as { task: object };
  expect(task).toMatchObject({ grader: { name: "digits", module: { digest: sha256("digits.mjs") } } });
}, 60_000);

describe("modules that cannot be used are refused before anything is drawn", () => {
  const sample = ["sample", "game24", "--prompts", "1", "-n", "1"];
  const answer = ["answer", "4 9 10 13 = 24 :", "-n", "1", "--reward"];
  const CASES: readonly (readonly [string, readonly string[], RegExp, Readonly<Record<string, string>>?])[] =
    [
      [
        "a file that is not there",
        [...answer, "./none.js"],
        /There is no file \.\/none\.js to take the self-reward from/,
      ],
      [
        "a bare name",
        [...answer, "sevens.js"],
        /There is no reward "sevens\.js": choose one of .*, or give the path of your own module, such as \.\/mine\.js/,
      ],
      [
        "TypeScript",
        [...answer, "./mine.ts"],
        /\.\/mine\.ts is not the path of a JavaScript module.*compile it first/,
      ],
      [
        "no default export",
        [...answer, "./named.mjs"],
        /\.\/named\.mjs has no default export: write `export default` before the self-reward/,
        { "named.mjs": "export const score = 1;" },
      ],
      [
        "a wrong field",
        [...answer, "./wrong.mjs"],
        /\.\/wrong\.mjs does not export a self-reward by default \(its "score": must be a function\)/,
        { "wrong.mjs": 'export default { name: "wrong", description: "", needs: [], score: 3 };' },
      ],
      [
        "a syntax error",
        [...answer, "./broken.mjs"],
        /\.\/broken\.mjs cannot be run: SyntaxError: /,
        { "broken.mjs": "export default {" },
      ],
      [
        "a name that is taken",
        [...answer, "./taken.mjs"],
        /\.\/taken\.mjs names its self-reward majority, as one of ours is/,
        {
          "taken.mjs":
            'export default { name: "majority", description: "", needs: [], score: async () => [] };',
        },
      ],
      [
        "scores that are none",
        [...answer, "./few.mjs"],
        /\.\/few\.mjs gave no finite number for each of the 1 responses to the prompt/,
        {
          "few.mjs": 'export default { name: "few", description: "", needs: [], score: async () => [NaN] };',
        },
      ],
      [
        "a grader that is none",
        [...sample, "--task", "prompts.jsonl", "--grader", "./sevens.js"],
        /Two tasks are given/,
      ],
      [
        "a reward for a grader",
        ["sample", "--task", "prompts.jsonl", "--grader", "./sevens.js"],
        /\.\/sevens\.js does not export a grader by default \(its "version": /,
      ],
      [
        "a task that is none",
        ["sample", "--task", "./digits.mjs"],
        /\.\/digits\.mjs does not export a task by default \(its "digest": /,
      ],
      [
        "options that a task of one's own does not take",
        ["sample", "--task", "./endings.mjs", "--rows", "3"],
        /--rows is not for \.\/endings\.mjs, a task of your own/,
      ],
    ];
  let results: Promise<Ended[]> | undefined;

  it.each(CASES.map(([what, , sentence], place) => [what, sentence, place] as const))(
    "%s",
    async (_, sentence, place) => {
      for (const [, , , files] of CASES)
        for (const [name, text] of Object.entries(files ?? {})) write(name, text);
      results ??= cli.runInTurn(CASES.map(([, args]) => args));
      const ended = (await results)[place]!;
      expect(ended.stderr).toMatch(sentence);
      expect(ended.stderr).not.toMatch(/\n\s+at |fault of whetstone/);
      expect(ended.status).not.toBe(0);
    },
    120_000,
  );
});
